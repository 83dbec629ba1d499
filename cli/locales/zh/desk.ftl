# 值班台。

about-desk = 全屏值班台：谁在呼叫，由谁负责
column-age = 时长
column-ladder = 呼叫进度
column-hub = 中枢
column-resolved-at = 解除
column-outcome = 结果
desk-title = 值班台
desk-nobody = 尚未登录
desk-locked = { $name }（已锁定：操作须输 PIN）
desk-begins = 正在询问节点 …
desk-gone = 节点自 { $since } 起无应答（{ $lasts }）：以下内容可能已过时
desk-ill = 节点异常：{ $why }
desk-looks = 节点仍在查看警报：以下内容可能不全
desk-count = 未解除 { $open } 起，均有人负责；您负责 { $mine } 起
desk-count-late = 继续响铃：{ $open } 条未结中 { $late } 条，接手者尚未行动；您手上 { $mine } 条
desk-count-both = 无人应答：{ $open } 条未结中 { $nobody } 条，另有 { $late } 条继续响铃；您手上 { $mine } 条
desk-expected = { $at } 到
desk-late = 迟到 { $at }
desk-happened = 发生于 { $at }。
desk-ask-within = { $elder }：多久到？1 10分  2 20  3 30  4 45  5 60  6 90  回车 不知道  Esc 取消
desk-ask-forget = { $elder }：未存盘，只有本节点知道。作为误报结束？y/n
desk-count-rings = 无人应答 { $nobody } 起，未解除共 { $open } 起；您负责 { $mine } 起
desk-days = { $days } 天
desk-waits = …
desk-more = -- 下面还有 --
desk-none = 没有未解除的警报。
desk-none-resolved = 今天没有解除过警报。
desk-drill = 演练 { $kind }
desk-has-nobody = !! 无人负责
desk-you = 您 { $name }
desk-there = 已到场
desk-on-the-way = 前往中
desk-rings-on = { $in } 后再响
desk-heard-again = 已恢复声息
desk-rings-no-more = 不再响铃
desk-unstored = 未存盘
desk-way-duty-desk = 值班台
desk-way-siren = 警笛
desk-way-neighbour = 邻居
desk-way-party = 参与方
desk-way-contact = 联系人
desk-way-dial-out = 拨号
desk-about = { $elder }：{ $kind }，自 { $since } 起，{ $state }（{ $alert }）
desk-rests = 目前不再呼叫。
desk-step = 呼叫第 { $due } 级，共 { $count } 级：{ $way }。
desk-next = 下一级：{ $in } 后 { $way }。
desk-is-stored = 已存盘。
desk-not-stored = 未存盘：请检查磁盘。
desk-hub-heard = { $ago } 前收到中枢声息。
desk-hub-unheard = 未收到过中枢声息。
desk-called-off = 家庭表示无事发生。
desk-service-police = 已移交 110。
desk-service-fire = 已移交 119。
desk-service-ambulance = 已移交 120。
desk-done = 已完成：{ $name }。
desk-taken-away = { $name } 接手了您负责的警报。
desk-over = 您选中的警报已解除。请用方向键另选。
desk-choose = 请先用方向键选中一个警报。
desk-first = 尚无人负责：请先按 a 确认。
desk-yours = 已由您负责。
desk-has-it = 由 { $name } 负责：按 t 接手。
desk-resolved = 警报已解除：按 o 重新打开。
desk-ask-name = 您的姓名或编号，按回车：{ $typed }
desk-ask-pin = { $name } 的 PIN（不显示），按回车；Esc 暂不输入
desk-then = 输入 PIN 后：{ $act }，{ $elder }
desk-act-ack = 确认
desk-act-take-over = 接手
desk-act-respond = 前往中
desk-act-arrive = 已到场
desk-act-hand-to = 移交
desk-act-resolve = 解除
desk-act-false-alarm = 误报
desk-act-reopen = 重新打开
desk-act-history = 查看经过
desk-act-card = 查看急救卡
desk-ask-take-over = { $elder }：现由 { $name } 负责。接手吗？y/n
desk-ask-service = { $elder } 移交：1 公安 110  2 消防 119  3 急救 120  Esc 取消
desk-ask-outcome = { $elder } 结果：1 已当场处理  2 送医  3 演练  4 去世  Esc 取消
desk-ask-end = 还有警报在响而无人前往。仍要离开值班台吗？y/n
desk-keys =
    a 确认  t 接手  r 前往中  v 已到场  h 移交 110/119/120  e 解除  f 误报
    回车 经过  c 急救卡  d 今日已解除  u 换人  l 锁定  ? 帮助  q 离开
desk-keys-resolved = o 重新打开  回车 经过  c 急救卡  Esc 返回未解除  ? 帮助  q 离开
desk-keys-read = 方向键、翻页键移动  Esc 返回
desk-help =
    最急的在最上面：先是在响的，再是有人负责的；久的在前。
    !! 在响而无人前往     > 选中的警报：行移动时按键仍作用于它
    呼叫进度 2/3 0:23 警笛：三级已到两级，23 秒后警笛鸣响。
    中枢 0:40：40 秒前收到该家庭中枢的声息；过久则标 !。

    a  确认：由您负责              t  从他人手中接手
    r  已有人前往                  v  已有人到场
    h  已移交 110、119 或 120      e  解除，并记下结果
    f  误报                        o  重新打开已解除的

    回车  全部经过，失联时断在何处
    c  急救卡：查看者会被记录
    d  今天解除的
    来电响两声，标 ))：a 接听，n 报警，/ 查找是谁
    u  换人值班                    l  锁定：操作须输 PIN
    q  离开值班台
desk-call = 来电
desk-call-missed = 未接来电
desk-call-nobody = 无人接听
desk-call-alert = 已为此来电报警：{ $alert }。
desk-caller-unknown = 未知来电人
desk-number-hidden = 号码未显示
desk-about-call = { $number }：{ $elder }，自 { $since } 起
desk-calls-ring = 来电在响 { $ring } 个，未接 { $missed } 个
desk-calls-missed = 未接来电 { $missed } 个
desk-calls-dropped = 未显示的来电 { $dropped } 个
desk-elders = 是哪一位？选中后按回车。
desk-elders-none = 没有找到。
desk-raised = 已报警，由您负责：{ $name }。
desk-raised-nobody = 已为 { $name } 报警，尚无人负责：请按 a 确认。
desk-raised-unstored = 已为 { $name } 报警，但未存盘：请检查磁盘。
desk-call-first = 尚无人接此来电：请先按 a 接听。
desk-call-yours = 此来电已由您接听。
desk-call-has-it = 此来电由 { $name } 接听：按 t 接手。
desk-ask-find = 姓名、地址或号码，按回车：{ $typed }
desk-act-take = 接听
desk-act-done = 来电已处理
desk-act-who = 确认来电人
desk-act-raise = 报警
desk-act-find = 查找老人
desk-keys-call =
    a 接听  t 接手  c 急救卡  n 报警  / 查找是谁  e 已处理
    d 今日已解除  u 换人  l 锁定  ? 帮助  q 离开
desk-keys-elders = 方向键选择  回车 就是这位  Esc 返回
desk-leaves = 正在等待上一项操作的结果；再按 q 立即离开
desk-pasted = 粘贴的内容不作为命令：请按键操作。
desk-no-terminal = 值班台需要终端：请在终端中运行 `linli desk`
