# 节点拒绝时说的话：出了什么事、是什么意思、怎么办。每条一行，只用 `{ $name }`。

## Requests that cannot be read
error-request-lacks = 请求缺少 { $field }：请补上
error-request-type = 请求中有一项类型不对：docs/spec/control.md 写明了应有的类型
error-no-method = 没有这个方法：docs/spec/control.md 列出了所有方法
error-no-path = 这个路径上什么也没有：docs/spec/control.md 列出了所有路径
error-wrong-verb = 这个路径要用另一种 HTTP 方法：/health 和 /metrics 用 GET，其余用 POST
error-no-token = 令牌缺失或不对：请发送 `Authorization: Bearer`，后接数据目录中 control.token 的内容
error-body-late = 请求内容没有按时送到：请重试
error-body-large = 请求内容超过 { $max } 字节：文件请以路径给出
error-body-broken = 请求内容中断：请重新发送
error-body-text = 请求内容在第 { $line } 行第 { $column } 列不是 JSON
error-body-type = 请发送 JSON，并在 content-type 中注明
error-body-press = 这不是一次按钮请求：请发送老人的编号
error-stopping = 节点正在停止：请在它重新运行后再试
error-no-answer = 节点没有应答：请重试
error-not-saved = 没有保存：请用 `linli status` 查看存储出了什么问题，然后重做

## Files at the node's machine
error-file-missing = { $path } 不存在：请检查路径
error-file-denied = 节点无权使用 { $path }：请让运行节点的用户能在那里读写
error-file-no-room = 没有空间存放 { $path }：请腾出空间，或另选位置
error-file-unusable = 无法使用 { $path }：请检查磁盘和路径
error-file-no-file = { $path } 不是文件：请给出一个文件
error-file-large = 文件最多 { $max } 字节：请选较小的文件
error-file-empty = 文件是空的：请另选一个
error-file-changed = 文件在读取时被改动：请在没有人写入时重试
error-file-damaged = 这个文件用它的密钥打不开：已损坏，或封存有误；请让人重新附上
error-path-taken = 这个路径上已有内容：请另选一个
error-backup-runs = 那里正在写一个备份：请等它写完
error-backup-failed = 没有做成备份

## Who is meant
error-elder-none = 这里没有这个编号或姓名的老人：请看 `linli elder list`
error-elder-several = 有几位老人符合：请给出编号，或更完整的姓名
error-elder-id = 这不是老人的编号：请从 `linli elder list` 中取
error-party-none = 没有这个编号或名称的参与方：请看 `linli party list`
error-party-several = 有几个参与方符合：请给出更长的编号
error-party-unknown = 这个参与方没有在此登记：请先让它加入
error-party-expelled = 这个参与方已被逐出：不能再给它什么
error-node-none = 没有这个编号或名称的成员节点：请看 `linli peers`
error-node-several = 有几个节点符合：请给出更长的编号
error-subject-none = 没有这个编号或名称的参与方或节点：请看 `linli party list`
error-subject-several = 有几个参与方或节点符合：请写更长的编号

## People of a party, PINs and seats
error-person-none = 这里没有叫这个名字的人，或有几位同名：请给出此人的编号
error-person-unfit = 无法用这些资料登记：请缩短内容，并检查终止日期
error-person-ended = 此人不再代表本参与方办事：终止日期已过；若其回来，由本参与方的管理人重新登记
error-person-ends-earlier = 此人的终止日期更早：终止日期只能提前，不能推后
error-person-steward-needed = 本参与方的人员由其管理人登记和终止：请用 `--as` 指明管理人
error-role = 没有这个角色：可用 elder、family、operator、carer、social_worker、grid_worker、volunteer、clinician、clerk、steward、official、evaluator
error-role-party = 这类参与方没有这个角色：请另选一个
error-pin-wrong = PIN 不对：请重试，或在本节点重新设置此人
error-pin-locked = PIN 错误次数过多：此人被锁定，直到节点重新启动
error-pin-unusable = 此人保存的密钥无法使用：请在本节点重新设置
error-pin-short = PIN 至少 { $min } 个字符：请另选一个
error-pin-present = 修改 PIN 需要现在的 PIN：请输入
error-seat-pin = 就座需要 PIN：请输入
error-seat-who = 请说明谁就座：姓名和 PIN
error-seat-locked = 工位已锁定：用 `linli person switch 姓名` 重新就座，或先 `linli person leave` 再不具名继续

## What this node's party may do
error-may-not-carry = 本方不可代存那里的内容。请向保管方申请授权。
error-may-not-read = 本方不可查看那里的内容。请向保管方申请授权。
error-may-not-write = 本方不可在那里写入。请向保管方申请授权。
error-may-not-steward = 本方不可决定那里谁能看：家中有节点的老人由家庭在自己的节点上决定；没有的由社区中心决定。
error-not-enrolled = 本节点没有登记，或只为别人代存：请在另一个节点上做
error-not-member = 本参与方不在其中：请向保管方申请授权
error-node-ended = 本设备的证书已到期：请先延期再写入
error-no-key = 写入用的密钥还没有送到：下次与成员交换时会到，请稍后再试
error-log-forked = 本设备的日志有了分支，例如恢复了旧的磁盘镜像：请重新启动节点后再做
error-overtaken = 发起之后所有者改过授权：请重新发起移交
error-too-many = 一次最多 { $max } 个：其余请稍后再做
error-recipient-key = 接收方的密钥无法使用：它的节点须重新发证
error-entry-large = 一次写入的内容太多：请缩短或分开写
error-urgent-large = 紧急内容不能这么长：请缩短文字
error-text-large = 内容超过 { $max } 字节：请缩短文字
error-no-document = 本节点没有这份文档：请看 `linli documents`

## Elders and their records
error-elder-name = 老人要有姓名：请用 --name 给出
error-elder-contacts = 联系人请在之后添加：用 `linli elder edit`
error-no-field = 没有 { $field } 这一项：请写 phone、address、card/allergies 之类
error-field-form = { $field } 不接受这个值：请改正后再保存
error-field-long = { $field } 最多 { $max } 字节：请缩短文字
error-no-profile = 本节点没有这位老人的档案：请在家庭或社区中心的节点上做
error-nothing-of-kind = 本节点没有这位老人的这类资料：请换一类，或换一个节点
error-scope = 没有这一类：可用 care（照护）、health（健康）、emergency（急救）
error-scope-or-all = 没有这一类：可用 care（照护）、health（健康）、emergency（急救）、all（全部）
error-reading-code = 这里不认识这个 LOINC 代码：请升级本节点
error-reading-unit = 单位必须是 { $unit }：请先换算
error-reading-value = 数值必须是小数，例如 36.6
error-reading-time = 测量时间不可能：请校准设备的时钟
error-reading-device = 设备名为 1 到 { $max } 个字母、数字和 . : _ -
error-reading-span = 图表的时段须先起后止，且不超过 400 天
error-register-too-large = 文件有 { $bytes } 字节，超过了上限：请拆成几个文件
error-register-empty = 文件是空的：第一行必须写列名
error-register-not-text = 文件不是文本（{ $found }）：请另存为 UTF-8 编码的 CSV
error-register-broken = 按 { $encoding } 读到第 { $line } 行（第 { $offset } 字节）时文本损坏：请重新另存为 UTF-8 编码的 CSV
error-register-missing-columns = 第一行缺少这些列名：{ $missing }。文件里读到的列名：{ $found }。请在第一行照此写明列名，补上缺少的列（单元格可以留空），保存后再导入。
error-register-double-column = 有两个列名指的是同一列（{ $column }）：请删去其中一列，保存后再导入
error-register-name = 文件名须说明是哪份名册：请改名后再导入
error-row-cells = 该行有 { $found } 格，列名有 { $expected } 个：请检查是否多了或少了逗号、引号
error-row-cell-long = { $column } 一格有 { $chars } 个字，最多 { $max } 个：请缩短
error-row-no-record = 该行没有编号：请补上
error-row-no-name = 该行没有姓名：请补上
error-row-same-record = 这个编号在第 { $line } 行已用过：请另编一个
error-row-too-many = 一份名册最多 { $max } 行：请拆成几个文件
error-row-unreadable = 该行不是逗号分隔的内容：请重新另存为 CSV
error-photo-beside = 请写明是老人还是工单，二者选一
error-photo-may-not = 工单的文件由承接的服务方、家庭、其亲属和社区中心附上，老人的文件由可写健康档案的各方附上（用 `--scope care` 则为可写照护档案的各方）：请找其中一方
error-photo-health = 本节点没有这位老人的健康档案，贵方也不能新建：请由社区中心或家庭新建或授予写入权；与医疗无关的文件请用 `--scope care`
error-photo-scope = 老人的文件属于 health（健康）或 care（照护）；工单的文件不分类
error-photo-not-standing = 文件没有附上：`linli order show` 或 `linli elder show` 写明了原因
error-photo-many = 本单位已在此存放 { $max } 份文件，达到上限：请先撤下一份
error-photo-none = 没有这个文件：请看 `linli photo list` 或 `linli order photo list`
error-photo-several = 有几个文件符合：请给出更长的编号
error-photo-remover = 文件由附上的一方撤下；老人的文件社区中心也可以，工单的文件裁定该工单的节点也可以：请在那里做
error-photo-coming = { $all } 字节中已到 { $come }：请稍后再试

## Orders
error-order-none = 这里没有这个工单：请看 `linli order list`
error-order-several = 有几个工单符合：请给出更长的编号
error-order-service = 目录中没有这项服务：请给出目录中的代码或名称
error-order-channel = 没有这个渠道：可用 phone、web、wechat、app、terminal、tv、front_desk、rule
error-order-to-whom = 请说明给哪个服务方：编号或名称
error-order-not-opened = 这个工单尚未打开：请等它完整送到
error-order-not-offered = 这个工单没有派给本服务方：请等待派单，或询问社区中心
error-order-not-accepted = 还没有服务方接受这个工单：请等待，或改派别家
error-order-not-held = 这个工单还没有人承接：没有可以撤出的
error-order-not-confirmed = 这个工单尚未确认：确认之前请不要出发
error-order-not-begun = 这个工单尚未开始：请先用 start 说明开始
error-order-not-done = 这个工单尚未完成：请完成后再回访
error-order-rating = 请给出 1 到 5 的评分
error-order-act = 没有这个动作：可用 offer、accept、decline、confirm、withdraw、start、done、callback、cancel
error-offer-service = 没有这项服务：请按目录给出服务代码

## Alerts, ladders and calls
error-alert-none = 这里没有这个警报：请看 `linli alert list`
error-alert-several = 有几个警报符合：请给出更长的编号
error-alert-kind = 没有这类警报：例如 button、fall、smoke、other
error-alert-no-contact = 此类警报不由人发出：逾期未联系时由节点发出；请看 elder due
error-alert-person = 警报须由具名的人处理：请用 --as 说明是谁
error-alert-unstored = 此警报未能存盘，无人能够确认：请联系该家庭，并检查磁盘
error-alert-not-yours = 只有负责此警报的人可以这样做，现由 { $who } 负责：要自己处理请接手
error-alert-taken = 已由 { $who } 负责：要自己处理请接手
error-alert-not-open = 这个警报没有打开：若须有人前往，请另发一个
error-alert-nobody = 这个警报还没有人负责：请先确认
error-alert-not-resolved = 这个警报尚未解除：不必重新打开
error-alert-act = 没有这个动作：可用 ack、take-over、respond、arrive、hand-to、resolve、false-alarm、reopen、call-off、refuse-card
error-alert-service = 请说明交给谁：police（公安）、fire（消防）、ambulance（急救）
error-alert-outcome = 请说明结果：helped（已帮助）、hospital（送医）、false_alarm（误报）、drill（演练）、died（去世）
error-ladder-whom = 请说明呼叫谁：party:名称、contact:号码 或 dial-out:号码
error-ladder-step = 没有这一步：可用 desk、siren、neighbour、party:名称、contact:号码、dial-out:号码
error-ladder-steps = 呼叫顺序有 1 到 { $max } 步，例如 desk@0s siren@1m
error-ladder-late = 每一步和响应时限都要在一天之内：请缩短时间
error-telephone-number = 电话号码为 3 到 20 位数字，前面可以有 +
error-call-answerer = 来电须由具名的人接听：请用 --as 说明是谁
error-call-about = 请说明是哪位老人：给出编号
error-call-none = 这里没有这个来电：节点停止后来电记录即清除
error-call-taken = 此来电已由 { $who } 接听：要自己处理请接手
error-call-nobody = 此来电还没有人接听：请先接听
error-call-act = 没有这个动作：可用 take、take-over、who、raise、done
error-call-number = 这不是电话号码：请发送数字，最多 { $max } 个字符；未显示号码时发送 null
error-call-person = 拨打电话须由具名的人决定：请用 --as 说明是谁
error-call-drill = 这是演练：不呼叫紧急服务
error-call-no-telephone = 本节点没有电话：请在配置中写 [sip]，或在 [[bells]] 中写 dial_out 的程序
error-call-runs = 正在拨打这个号码：请等待接听
error-call-no-line = 没有空闲线路：请一分钟后再试，或用手拨打

## Emergency cards, and where an elder is
error-card-none = 还没有人写这位老人的急救卡：请用 `linli elder edit` 填写
error-card-unwritten = 家庭还没有写这位老人的急救卡，或密钥还在路上：请致电该家庭，一分钟后再试
error-card-refused = 家庭没有让这个警报打开急救卡：请致电该家庭
error-card-shut = 急救卡在家庭或亲属发出或回应警报时打开：请致电该家庭
error-card-coming = 急救卡已为这个警报打开，但还没有送到本节点：请一分钟后再试
error-card-closed = 这个警报已结束，急救卡随之关闭：若须有人前往，请另发一个
error-card-call = 对方只是请求回电，不打开急救卡：请先回电
error-card-no-elder = 这个警报与老人无关，没有急救卡
error-card-person = 急救卡须由具名的人查看：请用 --as 说明是谁
error-card-keeper = 这位老人的急救卡由添加老人的家庭或社区中心保管：请在那里填写
error-card-refuser = 只有家庭或亲属可以拒绝打开急救卡：请找他们
error-held-card = 急救卡用 `linli elder card` 打开，并留下记录
error-position-household = 老人的位置只留在家庭：请告诉家庭的节点
error-position-degrees = 纬度和经度须为 WGS 84 的十进制度数，例如 30.274152
error-position-future = 测量时间在未来：请校准设备的时钟

## Tablets in the flat
error-tablet-no-page = 本节点不为平板提供页面：请在 linli.toml 中写上它在家里的地址，例如 [tablets] listen = "192.168.1.5:8080"，然后重新启动
error-tablet-household = 平板只与家庭的主机配对：请在那里配对
error-tablet-label = 平板的名称为 1 到 { $max } 个字，且不能重名：请另选一个
error-tablet-many = 已有 { $max } 台平板：请用 `linli device tablet remove` 移除一台
error-tablet-none = 没有这个编号或名称的平板，或有几台：请看 `linli device tablet list`
error-tablet-list = 数据目录中的平板名单无法读写：请修复后重新启动节点
error-tablet-stranger = 这台平板没有配对：请找管理主机的人
error-tablet-often = 太频繁：请等一分钟再试
error-tablet-unpaired = 平板没有配对成功：请另取一个配对码
error-no-randomness = 操作系统不提供随机数：请重启机器
error-press-elder = 请说明为谁：发送老人的编号
error-press-none = 这个家里没有这位老人：请重新打开页面
error-press-late = 已来不及撤回：请告诉来电或上门的人

## Consents and grants
error-right = 没有这种权利：可用 read（查看）、write（写入）
error-grant-same = 该方已有完全相同的授权：无须再做
error-grant-past = 这个期限已过：请选较晚的日期
error-grant-none = 该方在这里对这位老人的资料没有权利：没有可收回的
error-grant-not-taken = 这里没有收回过该方对这位老人资料的权利：请在收回的节点上查
error-grant-not-yours = 本参与方不能收回这项权利：请找管理方或所有者
error-consent-needed = 家庭、亲属和中心以外的任何一方，没有同意就不能看：请先用 `linli --as 姓名 keys consent record '{ $elder }' --to '{ $party }' --purpose '{ $purpose }' --category { $scope } --paper 存放处` 登记同意（姓名：登记人；存放处：纸质同意书在哪里；也可用 --spoken、--recorded、--on-device），然后再授权
error-consent-shorter = 该同意在此之前到期：请授权到它的期限，或登记另一份同意
error-consent-endless = 请用 --until 注明期限：该授权和它依据的同意都没有期限
error-consent-other-party = 该同意是给另一方的：请先登记一份涵盖此授权的同意
error-consent-other-purpose = 该同意是为另一用途的：请先登记一份涵盖此授权的同意
error-consent-other-kind = 该同意是关于另一类数据的：请先登记一份涵盖此授权的同意；健康与急救数据须单独同意
error-consent-not-yet = 该同意尚未开始：请届时再授权，或登记一份现已生效的同意
error-consent-ended = 该同意已到期：请先登记另一份
error-consent-withdrawn = 该同意已撤回：再次同意须另行登记
error-consent-none = 这位老人没有这个编号的同意：请看 `linli keys consent list`
error-consent-several = 有几份同意符合：请给出更长的编号
error-consent-no-record = 本节点没有这位老人的照护档案：请在家庭或社区中心的节点上登记同意
error-consent-how = 请说明同意如何取得：书面、口头、录音或在设备上
error-consent-category = 没有这类资料：可用 care、health、emergency、order/编号
error-consent-person = 同意须由具名的人登记：请用 --as 说明是谁
error-consent-writer = 同意由家庭、亲属、社区中心和照料站登记，照料站不登记给自己的：请找其中一方
error-consent-gone = 这份同意此前已撤回：无须再做
error-consent-bundled = 健康和急救资料须逐项单独同意：请分开登记
error-consent-incomplete = 同意须写明用途、资料种类、取得方式，且期限晚于开始：请补全

## What is held back
error-held-none = 这里没有这个编号的搁置内容：请看 `linli keys held list`
error-held-several = 有几条符合：请给出更长的编号
error-held-judge = 搁置的内容只由管理方或所有者采纳或拒绝：请找其中一方

## Erasing, checkpoints and keys of spaces
error-erasure-reason = 请说明理由，1 到 { $max } 个字
error-erasure-person = 请用 --as 说明由谁下令删除：会与命令一同保存
error-erasure-elsewhere = 只有管理方开设该空间的节点可以下令删除：请在那里做：{ $at }
error-no-erasure-key = 下令删除的密钥保存在另一个节点：请在那里下令
error-erased = 已由管理方下令删除：确有理由时请重新开始
error-after-space = `after` 不是空间：请发送上次回答中给出的值
error-checkpoint-none = 没有唯一一个已签署的检查点以此开头：请看 `linli keys checkpoints`
error-checkpoint-stays = 为它签署的没有全部撤回：请再试一次
error-checkpoint-readers = 并非所有可查看的人都可看更早的内容：检查点会显示它们，因此不写
error-checkpoint-large = 这份文档太大，无法写检查点：维持原状

## Handing over
error-hand-over-not-owner = 这位老人的资料归他方所有，须由该方移交。只有该方被逐出后，隐私官才能移交。
error-hand-over-steward = 请用 --steward 指明由谁代社区管理：社区自己没有设备。
error-hand-over-overtaken = 文件传签期间有授权变动，移交会使其失效。该请求已撤销，请重新发起移交。
error-hand-over-owners = 这位老人的档案分属几个所有者。请用 --scope 逐项移交。
error-hand-over-taker = 老人的档案归家庭或家属所有；或归社区，并用 --steward 指定社区中心或日间照料站。已逐出的不可。
error-hand-over-no-node = 该方没有可接收密钥的设备。请先让它加入。
error-hand-over-failed = { $all } 个空间中有 { $failed } 个无法在此移交：它们又有了所有者，或本节点没有其密钥。
error-hand-over-no-steward = 自己拥有的一方不需要管理方：请去掉 --steward
error-hand-over-kept = 没有这种可保留的权利：可用 read（查看）、write（写入）、steward（管理）
error-hand-over-spaces = 这位老人的空间太多，一份申请放不下：请用 --scope 指明一类

## Officers and what they sign
error-officers-waits = 这里已有一份更换隐私官的申请在等待签署，两份则都不成立：请完成它；若无人签署，请丢弃
error-officers-stolen = 请用 --remove 说明谁的密钥遗失或被盗
error-officers-several = 有几位隐私官的密钥以此开头：请写得更长
error-officers-none = 没有隐私官有这把密钥：请看 `linli keys officers`
error-officers-word = 这不是隐私官的密钥（linlioff1…），或输入有误：请重新完整复制
error-officers-already = 这把密钥已是隐私官的：请去掉
error-officers-threshold = 门槛须超过隐私官的半数、不超过全部人数，隐私官为 1 到 64 位：请另选
error-officers-same = 没有任何改变：请说明增加谁、去掉谁，或门槛
error-officers-kept = 有 { $count } 份证书依靠要去掉的密钥的签名，一次更换最多列出 { $max } 份：请一次少换几把
error-expelled-already = 已被逐出：无须再做
error-expulsion-waits = 申请 { $request } 已提出此事，正在等待签署：请让隐私官签署
error-request-several = 有几份申请以此开头：请写更长的编号
error-request-none = 这里没有这个编号的申请：请看 `linli keys requests`
error-requests-full = 这里已有 { $max } 份申请在等待：请先完成或丢弃一些
error-request-large = 作为申请太大：请检查是不是这个文件
error-request-digits = 申请的内容不是十六进制：请这样发送
error-request-old-officers = 发起申请之后隐私官已更换，须重新发起。
error-request-not-officer = 这把密钥不属于可以签署此申请的隐私官。
error-request-stranger = 有非本社区隐私官的人签署了此申请。请勿签署。
error-request-changed = 申请中的证书不成立：已损坏或被改动。请勿签署。
error-request-unreadable = 这不是可用的申请：已损坏、拼凑有误，或与要合并的不是同一份。
error-request-other-community = 这是另一个社区的申请。请带到那个社区的节点。
error-request-counts-already = 此前已有足够的隐私官签署，已生效。
error-request-no-officer-key = 本节点没有现任隐私官的密钥文件。请导出申请，由隐私官在别处签署。
error-key-file-passphrase = 口令不对，或密钥文件已损坏：没有改动任何内容
error-key-file-malformed = 这不是 linli 的密钥文件：请找出制作密钥时保存的文件
error-key-file-version = 这个密钥文件的版本较新：请升级 linli
error-key-file-memory = 空闲内存不够核对口令：请关闭一些程序后重试

## Recovery
error-recovery-reason = 请说明理由：隐私官和所有者会看到
error-recovery-asked = 这里没有这个空间的内容，已向代存节点索取：送到后请重新开始
error-recovery-different = 这些文件属于不同的申请：请分别完成
error-recovery-malformed = 这不是 linli 的恢复文件，或已损坏：请重新索取
error-recovery-version = 这个恢复文件的版本较新：请升级 linli
error-recovery-signature = 恢复文件中有签名不对，途中被改动过：请重新索取
error-recovery-requester = 文件不能证明申请的节点属于本社区：请不要给出份额，并询问是谁发来的
error-recovery-old-officers = 发起申请之后隐私官已更换：请重新发起
error-recovery-no-officer = 这不是本社区隐私官的密钥：请使用现任隐私官的密钥
error-recovery-stale = 申请发起得太久，或本机时钟不对：请重新发起
error-recovery-other-node = 这份申请是在另一个节点发起的：请在那里完成
error-recovery-share-shut = 封给隐私官 { $officer } 的份额打不开：已损坏或制作有误；请找另一位隐私官
error-recovery-share-wrong = 隐私官 { $officer } 的份额不是当初封给他的：不予采用；请索取正确的份额
error-recovery-missing = { $needed } 位隐私官中已有 { $had } 位给出份额：还需 { $more } 位
error-recovery-split = 份额是真的，但合不成密钥，因为当初拆分有误：请在另一个节点开始
error-recovery-nothing = 这里没有这个空间的份额：请在存有其内容的节点上开始，例如代存节点
error-recovery-other-key = 份额合成的密钥不是这个空间的，有人放了假的拆分：请告知隐私官

## Inviting others
error-invite-kind = 没有这类参与方：可用 household、centre、station、provider、family、regulator、evaluator、carrier
error-invite-name = 家庭在名录中只有密钥：请不要写名称
error-invite-many = 已有 { $max } 份邀请：请等其中一份结束
error-invite-none = 没有这份邀请：请另发一份
error-invite-nobody = 没有人在等待确认这份邀请：请等另一台设备显示数字
error-invite-expired = 邀请码未在有效时间内使用并确认：请重新生成
error-invite-gone = 另一台设备已断开
error-invite-refused = 已拒绝：两边的数字不一致
error-invite-guessed = 有人试了错误的邀请码

## Courier files
error-courier-not-one = 这不是信使文件。
error-courier-version = 此信使文件由更新的版本打包。请升级本节点后再读入。
error-courier-other-community = 此信使文件属于另一个社区。未读入任何内容。
error-courier-not-for-us = 此信使文件是封给另一个节点的,或开头已损坏。未读入任何内容。
error-courier-unknown = 打包此信使文件者未在此登记。未读入任何内容。
error-courier-expelled = 打包此信使文件者已被除名。未读入任何内容。
error-courier-ended = 打包此信使文件者的证书已到期。未读入任何内容。
error-courier-damaged = 此信使文件开头已损坏。未读入任何内容:请重新复制。
error-courier-cut = 此信使文件在开头被截断。未读入任何内容:请重新复制。
error-courier-no-room = U 盘空间不足:需要 { $mebibytes } MiB。未留下任何文件。
error-courier-not-stored = 文件内容未能全部存下。已存的保留;请腾出空间后再读入一次。
error-courier-key = 收件节点没有可用的密钥：它须重新发证

## The audit
error-audit-unrecorded = 导出无法留下记录，因此没有写出：请腾出空间后重新导出
error-audit-broken = 审计记录已断裂，没有导出：请看 `linli keys audit --verify`

## 应急预案与联系
error-plan-large = 预案最多 { $max } 字节：请缩短
error-plan-form = 第 { $line } 行“{ $field }”：这不是预案；docs/operations.md 有样例
error-plan-steps = 预案须有 1 至 { $max } 个步骤：请拆分，或至少写一步
error-plan-id = 步骤 { $step }：编号由小写字母、数字和连字符组成，不可过长，也不可重复
error-plan-text = 步骤 { $step }（0 为预案名称）：文字须为一行，不能为空，也不可过长
error-plan-within = 步骤 { $step }：时限请写 1 分钟至一周
error-plan-phone = 步骤 { $step }：电话号码为 3 至 20 位数字，可用连字符分隔
error-plan-personal = 步骤 { $step }（0 为预案名称）：全社区都能看到预案，请写岗位和单位，不要写身份证号或手机号
error-plan-person = 此事须由具名的人来做：请用 --as 说明是谁
error-plan-decides = 预案由中心的值班员、社工、网格员、文员或管理员编写、启动和停止：请找其中一位
error-plan-none = 这里没有这个编号或名称的预案：见 `linli plan list`
error-plan-several = 有多个预案符合：请多给几位编号或名称
error-plan-run = 该预案没有这样启动过：见 `linli plan list`
error-plan-not-in-force = 该预案未在执行：见 `linli plan list`
error-plan-in-force = 该预案已在执行：见 `linli plan show`
error-plan-empty = 该预案的内容还没有送到这里：请稍候
error-plan-step = 该预案没有这个步骤：见 `linli plan show`
error-plan-step-each = 该预案没有这个逐户步骤：见 `linli plan show`
error-plan-ticked = 该步骤已经是这个状态
error-plan-act = 没有这个动作：可用 start、drill、stop、tick、untick
error-plan-found = 请说明老人情况：well、needs_help 或 not_reached
error-plan-refused = 已记下，但不作数：见 `linli plan show`
error-elder-no-profile = 本节点没有这位老人的档案：请询问保管方
error-contact-means = 请说明方式：phone、visit 或 message
error-contact-time = 这个时间还没有到：请给出实际联系的时间
error-contact-none = 没有这个编号的联系记录：见 `linli elder due`
error-contact-several = 有多条联系记录符合：请多给几位编号
error-contact-person = 联系须由具名的人记录：请用 --as 说明是谁
error-alert-by-node = 此类警报不由人发出：由节点自行发出
error-sensor-none = 这里没有叫这个名字的传感器：见 `linli sensor list`
error-sensor-several = 有几位老人的传感器同名：请指明老人
error-sensor-name = 传感器名称为一行，1 至 { $max } 个字
error-sensor-silence = 最长无声时间在一秒与 30 天之间
error-sensor-many = 一位老人最多 { $max } 个传感器：请先拆除一个
error-sensor-hub = 传感器向家中主机报到
error-sensor-person = 只有具名人员可以登记传感器或暂停监测：请用 --as
error-sensor-party = 只有住户、家属、中心或驿站的人员可以这样做
error-monitoring-reason = 请用一行说明原因，1 至 { $max } 个字
error-monitoring-until = 监测最多暂停 30 天，且从现在起算
error-monitoring-on = 这项监测没有暂停
error-alert-within = 到达时间最多 { $max } 分钟
error-rule-none = 这里没有这条规则：参见 `linli rule list`
error-rule-unknown = 没有公布过这个名称的规则：请说明测量什么（--code）以及在哪一侧触发（--side）
error-rule-bounds = 这不能成为规则：名称为 1 到 40 个小写字母、数字和连字符；两个值都在 { $low } 和 { $high } 之间；结束值在阈值的安全一侧；公布的规则不改变测量内容和方向
error-rule-word = `{ $word }` 不是这里可用的词
error-rule-reason = 原因为一行，1 到 { $max } 个字
error-rule-many = 一位老人最多有 { $max } 条自己的规则：请先取消一条
error-rule-clinician = 只有医护人员可以设定阈值：请用 --as
error-payload-characteristic = 不从这个特征读取测量：参见 docs/spec/bluetooth.md
error-payload-hex = 有效载荷用成对的十六进制数字书写
error-payload-long = 没有设备会发送超过 { $max } 字节：这不是测量的有效载荷
error-payload-short = 有效载荷不完整：请把设备靠近后重新测量
error-payload-trailing = 有效载荷比标志所说的长：设备不符合规范
error-payload-reserved = 设备使用了规范保留的内容：请升级本节点，或手工录入
error-payload-time = 设备给出的时间不存在：请校准时钟后重新测量
error-payload-number = 设备发送的数值无法保存：请重新测量
error-payload-control = 测量的是质控液而不是人：这不是测量数据
error-payload-demonstration = 设备在演示或自检，没有测量任何人：这不是测量数据
error-payload-user = 设备说是它的用户 { $user } 测量的（–：未知）：请用 --user 指明该编号属于哪位老人；没有编号则不要写
