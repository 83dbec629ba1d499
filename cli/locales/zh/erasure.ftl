# 删除，以及谁已确认。

column-erasure = 指令
column-erased-kind = 内容
column-documents = 本机文档
column-may-hold = 可能持有的节点
erased-kind-care = 照护档案
erased-kind-health = 健康档案
erased-kind-emergency = 应急资料
erase-ask =
    每一个持有老人 { $elder } 上述内容的节点都将销毁它：文档及其全部历史、打开它们的密钥，以及中继代存的副本。
    销毁后无法恢复；以后恢复的备份，一旦其节点联网，也会再次删除。
    无法触及：U 盘、备份文件、纸张，以及人们记住或另行抄录的内容。
    确定删除吗？[y/N]
erase-elsewhere = { $scope }：只有创建它的节点可以下达指令：{ $label }（{ $node }）。请在那里操作。
erase-ordered = 指令已下达。用 `linli keys erasures` 查看谁已确认。
erasure-own = { $order }  { $at }  老人 { $elder } 的{ $scope }：{ $reason }
erasure-other = { $order }  { $at }  由另一节点下达
erasure-confirmed = {"  "}已删除  { $who }，{ $at }
erasure-waits = {"  "}未确认  { $who }，最近联系：{ $seen }
erasure-expelled = {"  "}已除名  { $who }：可能永远收不到此指令；最近联系：{ $seen }
erasure-complete = {"  "}所有可能持有的节点均已确认。
