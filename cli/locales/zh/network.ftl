# 节点、对端、邀请。

init-done =
    节点已建在 { $path }。
    节点号为 { $node }。
    下一步：`linli community create 名称`，或 `linli join 邀请码`。
community-making = 正在生成隐私官密钥
community-done =
    社区已建立，编号为 { $community }。
    隐私官的密封密钥文件在 { $folder }：请移交各位隐私官自行保管。
    下一步：`linli up`。
stop-waits = 节点正在把已接受的内容落盘
stop-done = 节点已停止。
status-node = { $label }  { $kind }  { $node }  linli { $version }
status-community = 社区 { $name }  { $id }
status-no-community = 还没有社区：`linli community create 名称`，或 `linli join 邀请码`
status-documents = 文档：持有 { $held } 份，其中本节点可读 { $readable } 份
status-entries = 条目：持有 { $held } 条，为他人携带 { $carried } 条，未显示 { $withheld } 条
status-alerts = 未解除的警报：{ $open }
status-late = 从检查点读取：{ $logs } 个日志的开头，中继已清理
status-store = 存储：{ $kib } KiB
status-blobs = 文件：已有 { $held } 个（{ $mib } MiB），还有 { $missing } 个未到
status-times = 时钟：{ $now }；节点证书到期：{ $ends }
status-addresses = 监听：{ $addresses }
status-relays = 中继：{ $relays }
status-warning = ！{ $what }
path-direct = 直连
path-relayed = 经中继
path-away = 不在线
yes = 是
no = 否
nothing = （没有）
sealed = （密封）
saved = 已保存
enrolled = 已接纳
expelled = 已逐出
doctor-well = 正常  { $what }
doctor-ill =
    异常  { $what }
        { $found }
check-clock = 时钟
check-directory = 数据目录
check-configuration = 配置
check-writable = 可写且有空间
check-running = 节点在运行
check-community = 节点已有社区
check-warning = 节点的提示
invite-code =
    邀请码：{ $code }
    有效至 { $expires }，只能用一次。在另一台设备上运行：`linli join 邀请码`。
invite-waits = 等待另一台设备
invite-number = { $label } 使用了邀请码。数字为：{ $number }
invite-ask = 另一块屏幕上的数字相同吗？[是/否]
invite-enrols = 正在加入
invite-enrolled = 已加入：{ $node }
invite-awaits-officers = 已确认。{ $needed } 位隐私官中已有 { $signed } 位签署，其余仍须签署：`linli keys requests export { $id } 文件`。
join-seeks = 正在寻找邀请节点
join-number =
    数字：{ $number }
    邀请方屏幕上应显示相同数字，并由对方确认。
join-waits = 等待对方确认
join-done = 已加入 { $name }。下一步：`linli up`。
leave-may = 可以离开：本节点写下的全部内容至少由 { $copies } 个其他节点持有。
leave-not-yet = 还不行：本节点写下的 { $waiting } 条内容和 { $files } 个文件尚未确认由足够多的其他节点持有。
backup-runs = 正在复制
backup-done = 备份在 { $path }。
backup-missing = { $files } 份文件中有 { $missing } 份不在备份里：读不出来，或空间不够。其他节点是否有，请看 `linli leave`。
restore-missing = { $files } 份文件中有 { $missing } 份没有恢复：已损坏，或空间不够。本节点会向其他节点索取。
restore-no-files = 备份里没有文件夹 blobs。文件将由本节点向其他节点索取。
restore-runs = 正在恢复
restore-done = 已恢复到 { $path }。下一步：`linli up`。
kind-household = 家庭
kind-centre = 社区中心
kind-station = 日间照料站
kind-provider = 服务商
kind-family = 家属
kind-regulator = 主管部门
kind-evaluator = 第三方评估
kind-carrier = 转送方

service-installed = 服务已安装并运行：{ $path }
service-to-begin = 服务单元已写入 { $path }，但此处无法通知 systemd。请运行 `{ $command }` 启动。
service-to-stop = 服务单元 { $path } 已移除，但无法通知 systemd，服务可能仍在运行。请运行 `{ $command }` 停止。
service-removed = 服务已移除：{ $path }
