# 家中该报到的传感器，以及暂停的监测。

about-sensor = 家中该报到的传感器，以及是否有人在听
about-sensor-add = 登记一个传感器，多久无声即视为失效
about-sensor-remove = 登记传感器已拆走
about-sensor-seen = 在家中主机上报告某传感器正常
about-sensor-list = 列出传感器：谁在报到，谁无声
about-sensor-off = 暂停监测到某时，并说明原因
about-sensor-on = 恢复监测
alert-kind-sensors = 传感器无声
alert-kind-monitoring-off = 监测已暂停
fact-sensors-silent = 传感器无声
fact-sensor-spoke = 传感器又有声
kind-sensors = 传感器
sensor-state-speaks = 正常
sensor-state-silent = 无声
sensor-state-off = 已暂停
sensor-state-elsewhere = 由家中主机监听
alert-sensor = { $sensor }（{ $elder }）：无声，上次 { $seen }
alert-sensor-spoke = { $sensor }（{ $elder }）：{ $at } 又有声
monitoring-all = 全部
monitoring-off = 监测已暂停：{ $elder }，{ $sensor }，至 { $until }，{ $who }：{ $reason }
desk-monitoring-more = 另有 { $count } 处监测已暂停：见 `linli status`
act-monitoring-off = 暂停监测
act-monitoring-on = 恢复监测
column-sensor = 传感器
column-sensor-state = 状态
column-silent-after = 视为失效
