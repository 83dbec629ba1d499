# 演示时说的话。

demo-network = 为六个节点建一个可以切断的网络，并证明它不通向别处。
demo-forwarders = 用本机回环地址之间的转发器代替网络命名空间（{ $why }），为六个节点建一个可以切断的网络。节点只走这个网络；本机的其他程序并未被隔开。
demo-enrols = 每个节点自己生成密钥。服务中心建立社区并邀请其他节点；两块屏幕上的数字一致之前，谁也进不来。
demo-enrolled = { $site } 已加入；两块屏幕都显示 { $number }。
demo-imports = 第一步。日照站导入北区名册，中心同时导入西区名册。
demo-imported = 读入 { $rows } 行，其中 { $refused } 行被拒并列出。现在双方的老人档案互相同步。
demo-measured = 日照站为 { $elders } 位老人做了测量。
demo-joined = 证件号相同的档案有 { $joined } 对是同一人；{ $waiting } 对有疑点，等待工作人员决定。没有档案消失。
demo-finds = 第二步。同一街区的节点自己找到彼此；远处的家庭网关只能经过中继，中继什么也读不到。
demo-carries = 服务商替别人保管着 { $entries } 条它打不开的记录：别人的副本在它那里是安全的。
demo-not-made = 未进行
demo-checks = 检查结果：
    { $table }
demo-broke-off = 这一天中断了：{ $why }
demo-passed = { $all } 项检查全部成立。
demo-failed = { $all } 项检查中有 { $good } 项成立。
demo-talk = 与 { $site } 对话：{ $program } --data { $data } status
demo-stays = 节点会一直运行，直到本程序被中断。
demo-agreed = 趁大家都连得上，中心签下送餐的长期约定；一位老人同意服务商查看照护档案。
demo-cut = 第三步。所有链路被悄悄切断：没有拒绝，也没有回应。每家只能靠自己。
demo-ordered = 家庭网关按长期约定订了餐。另一个请求在等待：{ $reason }。
demo-edited = 中心和服务商各自修改了同一份档案，互不知情。
demo-glucose = 血糖仪的 { $samples } 个数值三次越过界限。
demo-button = 按钮被按下。网关把两个警报都存在盘上，并独自逐级升级。
demo-kills = 第四步。远处的网关在写入时被强行终止十次。
demo-killed = 终止 { $kills } 次；驱动程序自己的日志里有 { $writes } 次已确认的写入。
demo-visit = 第五步。服务商到了门口：只恢复它与这一家网关的链路。
demo-confirmed = 网关自行确认了订单；服务商可以开始服务。
demo-not-yet = 准备离开：还不行，有 { $entries } 条记录只在这台设备上。
demo-may-leave = 网关已保存：服务商可以离开。
demo-ladder = 若无人处理，{ $seconds } 秒后警笛响起。
demo-heals = 第六步。一切恢复，但网关的链路很慢，后面排着 30 天的读数和 20 MB 的照片。
demo-alert-first = 警报已到中心，而照片还有 { $left } % 未到。
demo-resolved = 有名有姓的人确认、响应并解除了警报。
demo-compares = 第七步。节点之间互相比较，并与驱动程序所知的比较。
demo-markers = 在外人持有的 { $bytes } 字节里和每一帧里搜寻了他们不该看到的内容；服务商替别人保管着 { $entries } 条、中继保管着 { $relayed } 条记录，一条也打不开。
