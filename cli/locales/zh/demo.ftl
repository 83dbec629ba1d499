# 演示时说的话。

demo-network = 为六个节点建一个可以切断的网络，并证明它不通向别处。
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
