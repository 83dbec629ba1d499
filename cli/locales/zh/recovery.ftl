# 恢复：凭隐私官的份额重新打开一个空间。

about-keys-recover = 凭隐私官的份额重新打开一个空间，或演练一次
about-keys-recover-share = 隐私官为一次恢复交出自己的份额；不需要节点
about-keys-recoveries = 列出恢复与演练
column-officers = 隐私官
recovery-begun =
    申请已写入 { $path }。其中有个人信息：只可当面或经可信途径交给隐私官。
    { $officers } 位隐私官中须有 { $needed } 位交出份额，可依次传递，也可各持一份副本：
        linli keys recover-share { $path } --key 密钥文件
    然后在本机：linli keys recover --finish { $path }
recovery-done =
    { $kind } 空间 { $space } 已在本节点打开：恢复了其中 { $epochs } 把密钥。
    份额来自隐私官 { $officers }。空间内已留下记录，并已告知社区。
recovery-rehearsed =
    这是一次演练：隐私官 { $officers } 的份额可以合成 { $kind } 空间 { $space } 的密钥（其中 { $epochs } 把）。
    密钥没有保留，任何内容都没有打开。本节点已记下这次演练。
recovery-state-rehearsed = 在本节点演练
recovery-state-proved = 已核对隐私官签名
recovery-state-told = 由申请节点告知
share-asked =
    社区 { $community }：{ $party }（{ $kind }，设备 { $label }，{ $node }）请求您交出一个空间的密钥份额。
    对方称属于：  { $about }
    理由：        { $reason }
    申请人：      { $person }
    时间：        { $at }
    空间：        { $space }
    须有 { $needed } 位隐私官交出份额，已有 { $given } 位。
share-rehearsal =
    这是一次演练。不会打开任何内容，也不会保留密钥。但设备得到的份额与真正恢复时相同，
    所以只应与您愿意托付此空间的设备演练。
share-for-good = 份额足够后，该设备将能一直读取它所持有的此空间的全部内容。恢复会留下记录。
share-former = 被请求的隐私官已不在任：此空间最后一次是在前任隐私官之间分割的。
share-agrees = 您认识申请人吗？打开它是否正当？交出您的份额吗？[y/N]
share-given = 您的份额已写入 { $path }，只有申请设备能打开。{ $needed } 位中已有 { $given } 位交出：请把文件传给下一位。
share-given-last = 您的份额已写入 { $path }，只有申请设备能打开。{ $needed } 位中已有 { $given } 位交出：请把文件交还申请人。
not-given = 没有交出份额；文件未作改动。
