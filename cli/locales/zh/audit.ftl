# 审计：本节点行使了哪些权限，谁读了什么。

about-keys-audit = 本节点上谁做了什么、读了什么：列出、导出、核验
column-number = 编号
column-at = 时间
column-what = 事项
column-person = 人员
column-of = 类别
column-count = 数目
column-detail = 说明
act-founded = 建立社区
act-enrolled = 接纳参与方
act-expelled = 逐出
act-officers = 更换隐私官
act-node-certified = 认证节点
act-node-extended = 节点自行续期
act-notice = 发布公告
act-space-begun = 开设空间
act-granted = 授权
act-revoked = 收回授权
act-rotated = 更换密钥
act-cut = 截断
act-admitted = 采纳被扣留的条目
act-refused = 驳回被扣留的条目
act-handed-over = 移交
act-erased = 下令删除
act-consent = 同意书
act-agreed = 签署检查点（代存节点可删除其所代表的内容）
act-agreement-withdrawn = 撤回对检查点的签署
act-person-added = 添加人员
act-person-ended = 终止人员
act-tablet-paired = 平板已配对
act-tablet-removed = 平板配对已解除
act-alert-ended = 结束了未能存盘的警报
act-recovered = 用隐私官密钥恢复
act-card-opened = 打开急救卡
act-backed-up = 制作备份
act-restored = 从备份恢复
act-packed = 打包信使文件
act-unpacked = 读入信使文件
act-wrong-checkpoint = 发现错误的检查点
act-unfounded-order = 发现无人同意的清理命令
act-read = 读取
act-listed = 查看列表
act-exported = 导出审计
act-signed = 节点签名
audit-verifies = 正在核对审计链
audit-exports = 正在写出审计
audit-more = 还有更多：`--before { $before }`。
audit-done-exported =
    记录 { $first } 至 { $last }：{ $shown } 条完整，{ $withheld } 条只有摘要。
    文件是明文：写有办事人员的姓名；老人和参与方只以编号出现。任何人都可以用 `linli keys audit --verify 文件` 核验。
audit-node = 节点 { $node } 的审计
audit-holds = 完好：记录 { $first } 至 { $last }，其中 { $verified } 条有节点签名；{ $withheld } 条只有摘要。
audit-unsigned = 最后一次签名之后的 { $unsigned } 条记录已连入链中但未签名，不能作为证明。
audit-broken = 在第 { $number } 条记录处断裂：{ $why }。
broken-malformed = 无法读取
broken-hash = 散列值与该记录及前一条记录不符
broken-gap = 它之前缺少记录
broken-order = 位置不对，或重复出现
broken-signature = 节点的签名与到此为止的记录不符；自上一次签名以来有内容被改动
broken-signer = 由别的节点签名
broken-unfinished = 文件提前结束，其后的记录缺失
broken-closing = 封尾签名不符；文件的开头或结尾被改动
audit-exported-at = 导出时间：{ $at }（按该节点的时钟）。
audit-member = 按文件中的证书，该节点当时属于社区 { $name }，{ $community }：请与您已知的社区编号核对。
audit-not-member = 按文件中的证书，该节点当时不属于社区 { $name }，{ $community }：{ $reason }。
audit-no-community = 文件中没有说明该节点身份的证书。
about-keys-passphrase = 更改未运行节点的口令
ask-new-passphrase = 新口令：
passphrase-changed =
    节点密钥和 party.key 的口令已更改。
    此前的备份仍用原口令。
passphrase-changed-alone =
    节点密钥的口令已更改。
    party.key 不在此处或另有口令：未作改动。此前的备份仍用原口令。
about-person-switch = 在共用工位就座：输入一次 PIN，其后的命令不再询问
about-person-leave = 离座：此后的命令不再具名
seat-taken =
    { $name } 已就座。其后的命令都以此人名义进行，直到下一次 `person switch` 或 `person leave`，
    或连续 { $minutes } 分钟没有命令。
seat-left = 现在无人就座：此后的命令不具名。
no-keyring = 密钥环没有给出口令：请安装 secret-tool、解锁密钥环，并用 `secret-tool store --label=linli linli { $path }` 存入
