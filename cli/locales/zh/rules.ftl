# 规则：测量值何时触发警报。

about-rule = 测量值何时触发警报，以及原因
about-rule-list = 列出对一位老人生效的规则
about-rule-set = 由医护人员为一位老人设定阈值
about-rule-unset = 恢复公布的阈值
about-rule-explain = 说明规则为何触发或没有触发
about-rule-replay = 在设定之前，用过去的测量数据试一个阈值
kind-rules = 阈值
severity-moderate = 中
severity-high = 高
rule-set-by = { $who }，{ $at }：{ $reason }
rule-proposed = 仅试用
rule-fired = { $rule }（{ $fires }；{ $source }）：{ $readings } 次测量，触发 { $fired } 次
rule-quiet = { $rule }（{ $fires }；{ $source }）：{ $readings } 次测量，没有触发；最接近的是 { $at } 的 { $value }
rule-nothing = { $rule }（{ $fires }；{ $source }）：没有测量数据
rule-passed-over = 略过 { $count } 个不可能的值。
rule-episode = { $from } 至 { $to }：最差 { $worst }，设备 { $device }，越过阈值 { $crossings } 次
rule-alert = （警报 { $alert }）
rule-no-alert = （这里不知道有警报）
column-rule = 规则
column-fires = 触发值
column-ends-at = 结束值
column-severity = 程度
column-rule-source = 来源
