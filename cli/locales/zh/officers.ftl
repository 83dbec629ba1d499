# 隐私官：密钥、用文字说明的申请、待办。

about-keys = 隐私官的工作：密钥、签署、谁可以读什么、恢复
about-keys-inbox = 本节点上等待隐私官处理的事
about-keys-officer = 隐私官自己的密钥，可在任何机器上
about-keys-officer-new = 生成隐私官的密钥
about-keys-officer-check = 检查密钥文件、公钥或打印的密钥
about-keys-officer-restore = 从打印的密钥恢复密钥文件
about-keys-officers = 社区的隐私官
about-keys-officers-replace = 发起隐私官的更换
about-keys-requests = 本节点上等待隐私官签署的申请
about-keys-requests-export = 把申请写成可传递的文件
about-keys-requests-import = 读入带有签名的申请文件
about-keys-requests-sign = 用本节点上的隐私官密钥签署申请
about-keys-requests-drop = 丢弃申请
about-keys-sign = 签署申请文件，可在任何机器上
about-keys-expel = 把一方或一个节点逐出社区
about-community-finish = 读入正在建立的社区的隐私官签名
community-waits = 申请在 { $file } 中。每位隐私官用 `linli keys sign` 签署，然后运行 `linli community finish { $file }`。
community-lacks = 还须 { $lacks } 位隐私官签署。请把文件交给他们：`linli keys sign 文件 --key 密钥文件`。然后在这里再次运行：`linli community finish 文件`。
community-begun = 社区 { $community } 已建立。下一步：`linli up`。
join-awaits-officers = 已确认，还须隐私官签署。签署后运行 `linli join --finish`，或用 `linli up` 启动节点，它会自己询问。
join-nothing = 本节点没有在等待隐私官。请用邀请码加入。
status-requests = 等待隐私官签署：{ $waiting }（`linli keys inbox`）
ask-printed-key = 打印的密钥（linl-isec-ret1-…）：
officer-key-making = 正在生成密钥
officer-key-made =
    隐私官的密钥在 { $file } 中，已用口令封存。请与任何节点分开保管。
    把公钥交给建立或更改社区的人：
    { $officer }
officer-key-restored =
    打印的密钥已恢复到 { $file }，已用口令封存。其公钥：
    { $officer }
officer-printed =
    这是私钥，只显示这一次。请打印或抄写，锁好，并清除屏幕。
    谁拿到它，谁就能以这位隐私官的名义签署。
    { $printed }
officer-printed-right = 输入的正是这把密钥。这张纸可用。
officer-printed-wrong = 这仍不是所显示的密钥；密钥文件完好。请用 `linli keys officer check -` 核对那张纸；若屏幕已清除而纸仍不符，请用 `linli keys officer new` 另做一把。
officer-key-right = 密钥正确。它属于 { $officer }
officers-are = { $name }：{ $officers } 位隐私官中须有 { $threshold } 位签署
officer-held-here = { "  " }{ $officer }（密钥文件在本节点）
bad-officer-word = 这不是隐私官的公钥（linlioff1…），或输入有误。请重新完整复制。
bad-printed-key = 这不是打印的隐私官密钥（linl-isec-ret1-…），或输入有误。请逐组对照，再输入一次。
secret-on-command-line = 私钥不应写在命令行里，别人会看到。请写 - 再输入。
not-signed = 没有签署任何内容。
unwritten-file = 无法写入 { $path }
request-head =
    社区：{ $name }（{ $community }）
    申请时间：{ $at }
request-count = 已签署 { $signed } 位，需要 { $needed } 位
request-ask = 您以隐私官身份签署吗？[是/否]
request-counts = 签署的隐私官已足够，已生效。
request-waits = 还须更多签名。`linli keys requests export { $id } 文件` 可生成给其他隐私官的文件。
request-exported = 已写入 { $file }。隐私官用 `linli keys sign` 签署，再用 `linli keys requests import` 读回。
request-signed = 已签署：{ $file }。{ $needed } 位中已有 { $signed } 位签署，请继续传递。
request-signed-enough = 已签署：{ $file }。签署的隐私官已足够，请带到节点上：`linli keys requests import`。
request-dropped = 已丢弃。已传出的副本仍可签署并读入。
request-state-waits = 等待
request-state-counts = 已生效
request-state-outdated = 隐私官已更换
request-founding-already = 这里有一个社区正在等待隐私官签署。用 `linli community finish` 读入签好的文件，或加 --again 另建。
request-founding-none = 这里没有正在建立的社区。
deed-found = 建立社区，共 { $officers } 位隐私官，须有 { $threshold } 位签署：
deed-found-title = 建立社区
deed-officers = 更换隐私官：此后 { $officers } 位中须有 { $threshold } 位签署
deed-officers-title = 更换隐私官
deed-officer-comes = { "  " }加入：{ $officer }
deed-officer-goes = { "  " }离任：{ $officer }
deed-officer-stays = { "  " }留任：{ $officer }
deed-officer-signed = { "  " }已签署：{ $officer }
deed-officer-lacking = { "  " }可签署：{ $officer }
deed-struck = 离任的密钥已遗失或被盗：它们的签名从此无效，以后也无效。依靠它们的 { $kept } 项先前行为继续有效。
deed-officers-rivals = 对同一组隐私官只签署一次更换：若有两份，两份都不成立。
deed-enrol =
    接纳一方：{ $kind }，{ $name }
      { $party }
deed-enrol-title = 接纳：{ $who }
deed-expel-party =
    永久逐出一方及其所有设备：{ $kind } { $name }
      { $party }
deed-expel-party-title = 逐出：{ $who }
deed-expel-node =
    永久逐出一台设备：{ $kind } { $name } 的 { $label }
      { $node }
deed-expel-node-title = 逐出设备 { $label }
deed-device = { "  " }设备 { $label }：{ $node }
deed-no-name = 无公开名称
section-signature = 签署
section-enrolment = 接纳
section-ending = 到期
section-erasure = 删除
inbox-enrolment = 自 { $since_ms } 起有一方等待接纳：{ $kind }。{ $needed } 位中已有 { $signed } 位签署。
inbox-officers = { $since_ms } 申请更换隐私官。{ $needed } 位中已有 { $signed } 位签署。
inbox-expulsion = { $since_ms } 申请逐出：{ $kind }。{ $needed } 位中已有 { $signed } 位签署。
inbox-signature = 自 { $since_ms } 起申请签署。{ $needed } 位中已有 { $signed } 位签署。
inbox-outdated = { $since_ms } 向前任隐私官提出的申请，已不能生效，请丢弃。
inbox-ending = { $label }（{ $kind }）的证书将于 { $ends_ms } 到期：该节点已离线很久。
inbox-ended = { $label }（{ $kind }）的证书已于 { $ends_ms } 到期；它上线后会恢复服务。
inbox-erasure = { $since_ms } 下达的删除指令：{ $nodes } 个节点中有 { $waiting } 个尚未确认，见 `linli keys erasures`。
column-section = 类别
column-due = 期限
column-request = 申请
column-signed = 已签署
section-held = 暂扣
section-consent = 同意
inbox-grants = { $party } 有 { $count } 项授权（{ $kind }）将在三十天内到期，最早 { $ends_ms }：见 `linli keys grants`，需要时请重新征得同意。
inbox-held = { $party } 有 { $count } 条内容被暂扣，等待裁定：`linli keys held list`
inbox-consent = 对 { $party } 的同意已于 { $at_ms } 撤回；此处已无授权以其为依据：`linli keys consent list --all`
inbox-consent-rests = 对 { $party } 的同意已于 { $at_ms } 撤回，但仍有授权以其为依据：请用 `linli keys revoke` 收回，或请其管理人收回。
