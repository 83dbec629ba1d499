# 信使文件,以及倒退的节点。

courier-packs = 正在打包对方缺少的内容
courier-unpacks = 正在读入文件
courier-nothing = 没有打包任何内容:可以送去的,对方都已持有。
courier-packed = 已打包:{ $documents } 份文档的 { $entries } 条记录,{ $certificates } 份证书,{ $receipts } 份回执;共 { $kib } KiB。
courier-sealed = 只有 { $label } 能打开此文件。
courier-for-all = 社区中任何人都可以携带并读入此文件;拾到者读不到内容,只能看到大小和标签。
courier-listed = 由 { $label } 于 { $at } 打包:{ $entries } 条记录,{ $certificates } 份证书,{ $receipts } 份回执;共 { $kib } KiB。没有读入任何内容。
courier-listed-sealed = 此文件仅供本节点打开。
courier-listed-for-all = 此文件面向整个社区。
courier-listed-foreign = 此文件是给其他节点的:{ $kib } KiB,共 { $parts } 部分。在这里看不到更多。
courier-listed-cut = 文件在第 { $parts } 部分之后被截断。请重新复制。
courier-listed-damaged = 文件在第 { $parts } 部分之后已损坏。请重新复制。
courier-unpacked =
    由 { $label } 于 { $at } 打包。
    新增:{ $entries } 条记录,{ $certificates } 份证书。文件中有 { $documents } 份文档,{ $receipts } 份回执。
courier-elsewhere = 有 { $pages } 页属于与本节点无关的空间。
courier-gaps = 有 { $pages } 页缺少前文:请先读入更早的文件,或请对方用 --whole 重新打包。
courier-over-quota = 有 { $pages } 页放不下:本节点为打包者保留的配额已满。
courier-not-taken = 有 { $pages } 页或证书未被接受。
courier-was-cut = 文件在第 { $parts } 部分之后被截断:之前的内容已读入。请重新复制后再读入。
courier-was-damaged = 文件在第 { $parts } 部分之后已损坏:之前的内容已读入。请重新复制后再读入。
went-back = { $label } 曾声明安全保存 { $documents } 份文档,现已丢失或扣留其中的内容({ $at } 发现);尚有 { $missing } 份未恢复。正在重新发送。
