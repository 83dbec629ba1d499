//! The service catalogue: four categories by three forms (P0, table 1).

use serde::Serialize;

/// The category of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Daily living (生活照料).
    Daily,
    /// Medical care (医疗护理).
    Medical,
    /// Companionship (精神慰藉).
    Companionship,
    /// Emergency (紧急救助).
    Emergency,
}

/// Where a service takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// At the elder's home.
    Onsite,
    /// By telephone or network.
    Online,
    /// Either.
    Either,
}

/// A service of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its code.
    pub code: &'static str,
    /// Its category.
    pub category: Category,
    /// Where it takes place.
    pub form: Form,
    /// Its Chinese name.
    pub zh: &'static str,
    /// Its English name.
    pub en: &'static str,
}

const fn s(
    code: &'static str,
    category: Category,
    form: Form,
    zh: &'static str,
    en: &'static str,
) -> Service {
    Service { code, category, form, zh, en }
}

use Category::{Companionship, Daily, Emergency, Medical};
use Form::{Either, Online, Onsite};

/// Every service, by category and form.
pub const SERVICES: &[Service] = &[
    s("daily.laundry", Daily, Onsite, "洗衣", "laundry"),
    s("daily.meal_delivery", Daily, Onsite, "送餐", "meal delivery"),
    s("daily.water_delivery", Daily, Onsite, "送水", "water delivery"),
    s("daily.dressing", Daily, Onsite, "穿衣", "dressing"),
    s("daily.haircut", Daily, Onsite, "理发", "haircut"),
    s("daily.toilet_help", Daily, Onsite, "搀扶如厕", "help to the toilet"),
    s("daily.mopping", Daily, Onsite, "拖地", "mopping"),
    s("daily.reminder", Daily, Online, "生活提示", "reminders"),
    s("daily.greeting", Daily, Online, "日常关怀", "daily greeting"),
    s("daily.information", Daily, Either, "信息咨询", "information"),
    s("daily.lecture", Daily, Either, "讲座培训", "lectures and training"),
    s("medical.medicine_delivery", Medical, Onsite, "送药", "medicine delivery"),
    s("medical.injection", Medical, Onsite, "打针", "injection"),
    s("medical.medicine_taking", Medical, Onsite, "吃药", "help with medicines"),
    s("medical.vital_signs", Medical, Onsite, "测量", "vital signs"),
    s(
        "medical.wellness_lecture_online",
        Medical,
        Online,
        "网上养生讲座",
        "online wellness lecture",
    ),
    s("medical.health_training", Medical, Online, "健康培训", "health training"),
    s("medical.rehabilitation", Medical, Either, "康复指导", "rehabilitation guidance"),
    s("medical.wellness_lecture", Medical, Either, "养生讲座", "wellness lecture"),
    s("companionship.conversation", Companionship, Onsite, "聊天", "conversation"),
    s("companionship.counselling", Companionship, Onsite, "心理咨询", "counselling"),
    s("companionship.walk", Companionship, Onsite, "陪同散步", "walk together"),
    s("companionship.online_chat", Companionship, Online, "网络聊天", "online chat"),
    s("companionship.online_friends", Companionship, Online, "在线交友", "friends online"),
    s("companionship.gathering", Companionship, Either, "联谊交友", "gatherings"),
    s("companionship.interest_group", Companionship, Either, "兴趣小组", "interest groups"),
    s("emergency.transport", Emergency, Onsite, "紧急送医", "emergency transport"),
    s("emergency.medicine", Emergency, Onsite, "紧急送药", "emergency medicine"),
    s("emergency.counselling", Emergency, Onsite, "紧急心理干预", "emergency counselling"),
    s("emergency.automatic_alarm", Emergency, Online, "自动报警", "automatic alarm"),
    s("emergency.remote_monitoring", Emergency, Online, "远程监护", "remote monitoring"),
    s(
        "emergency.wearable_switch",
        Emergency,
        Either,
        "可穿戴设备的开启与关闭",
        "switching a wearable on and off",
    ),
];

/// The service of a code.
pub fn service(code: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|s| s.code == code)
}

/// The service of a code or of a name in either language.
pub fn find(name: &str) -> Option<&'static Service> {
    let name = name.trim();
    SERVICES.iter().find(|s| s.code == name || s.zh == name || s.en.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_twelve_cells_are_filled_and_names_are_unique() {
        let cells: BTreeSet<_> = SERVICES.iter().map(|s| (s.category, s.form)).collect();
        assert_eq!(cells.len(), 12);
        for name in [|s: &Service| s.code, |s: &Service| s.zh, |s: &Service| s.en] {
            assert_eq!(SERVICES.iter().map(name).collect::<BTreeSet<_>>().len(), SERVICES.len());
        }
    }

    #[test]
    fn a_name_resolves_to_one_cell() {
        for (name, category, form) in [
            ("洗衣", Daily, Onsite),
            ("日常关怀", Daily, Online),
            ("测量", Medical, Onsite),
            ("兴趣小组", Companionship, Either),
            ("可穿戴设备的开启与关闭", Emergency, Either),
        ] {
            let found = find(name).unwrap();
            assert_eq!((found.category, found.form), (category, form));
        }
        assert!(find("洗").is_none());
    }
}
