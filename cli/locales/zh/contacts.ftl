# 与独居老人的联系。

about-elder-due = 该问候谁：逾期的在前
about-elder-contact = 记下有人与老人联系过
field-contact-days = 多少天无联系须问候
alert-kind-no-contact = 久无联系
outcome-contacted = 已有人联系
fact-contacted = 已有人联系
kind-contacts = 联系记录
contact-phone = 电话
contact-visit = 上门
contact-message = 消息
contact-alert = 警报
contact-fact-noted = 记录
contact-fact-taken-back = 收回
contact-line = { $contact }  { $what }：{ $means } { $when } { $note }（{ $by }）
due-ahead = 起算日在将来：有时钟不准
due-overdue = 逾期
due-today = 今天
due-later = 以后
due-away = 外出
column-phone = 电话
column-contact = 联系
column-due-on = 应在
column-contact-days = 天数
column-last-contact = 上次联系
column-contact-by = 方式
column-contact-who = 记录人
