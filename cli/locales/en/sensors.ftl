# What should speak in a home, and monitoring that is off.

about-sensor = What should speak in a home, and whether anybody listens
about-sensor-add = Say that a sensor should speak, and after how long it is thought to be dead
about-sensor-remove = Say that a sensor was taken away
about-sensor-seen = Say at the hub that a sensor is alive
about-sensor-list = List sensors: who speaks, who is silent
about-sensor-off = Switch monitoring off until a time, with the reason
about-sensor-on = Switch monitoring on again
alert-kind-sensors = silent sensors
alert-kind-monitoring-off = monitoring off
fact-sensors-silent = silent sensors
fact-sensor-spoke = a sensor spoke again
kind-sensors = Sensors
sensor-state-speaks = speaks
sensor-state-silent = SILENT
sensor-state-off = off
sensor-state-elsewhere = heard by the hub
alert-sensor = { $sensor } ({ $elder }): silent, last heard { $seen }
alert-sensor-spoke = { $sensor } ({ $elder }): spoke again { $at }
monitoring-all = everything
monitoring-off = MONITORING OFF: { $elder }, { $sensor }, until { $until }, by { $who }: { $reason }
desk-monitoring-more = MONITORING OFF for { $count } more: see `linli status`
act-monitoring-off = monitoring switched off
act-monitoring-on = monitoring switched on
column-sensor = sensor
column-sensor-state = state
column-silent-after = dead after
