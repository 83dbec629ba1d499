# The emergency card on paper.
paper-lang = zh-CN
paper-title = 急救卡移交
paper-what = 事由
paper-since = 起始时间
paper-alert = 警报
paper-handed = 移交
paper-to-police = 移交 110 公安
paper-to-fire = 移交 119 消防
paper-to-ambulance = 移交 120 急救
paper-read = 调取人
paper-printed = 打印时间
paper-gives = 移交人（姓名、时间）：
paper-takes = 接收人（姓名、单位、时间）：
paper-unknown = 未填写
paper-end = 仅供本次救援使用，用后销毁。
paper-written = 已写入 { $file }，只有您能读。打印后请删除。
