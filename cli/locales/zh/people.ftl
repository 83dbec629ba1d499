# 参与方的人员：终止与 PIN。

about-person-end = 终止人员：此后其签署的内容在任何节点都不生效
about-person-pin = 用现有 PIN 更换 PIN
about-person-reset = 为忘记 PIN 的人员换发新密钥和新 PIN
column-qualification = 资质
state-acts = 在岗
ask-new-pin = 新 PIN：
pin-changed = PIN 已更换。
held-person-ended = 签署人的终止日期已过
act-pin-changed = 更换 PIN
