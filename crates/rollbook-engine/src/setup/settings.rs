//! A source's settings against its connector: defaults, what is required, what is accepted.

use std::collections::BTreeMap;

use super::files::SettingValue;
use rollbook_core::connector::api::Settings;
use rollbook_core::connector::file::{Setting, SettingRules};
use rollbook_core::connector::template;
use rollbook_core::document::suggest::{advice, listed, suggest};
use rollbook_core::model::GrantKind;

/// A setting that a source gives.
pub enum Given {
    /// With this value.
    Value(SettingValue),
    /// With a value that cannot be read; that is reported with the file.
    Unreadable,
}

/// A setting that cannot be used.
pub struct WrongSetting {
    /// Its name; `None` where it is missing.
    pub name: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// All settings that have a value, and everything that is wrong with the others.
///
/// `may_be_elsewhere`: the source's table of settings is misspelt, so that none is reported as missing.
pub fn resolve(
    title: &str,
    rules: &BTreeMap<String, Setting>,
    given: &BTreeMap<String, Given>,
    may_be_elsewhere: bool,
) -> (Settings, Vec<WrongSetting>) {
    let known: Vec<&str> = rules.keys().map(String::as_str).collect();
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| !known.contains(name))
        .collect();
    let mut wrong: Vec<WrongSetting> = unknown
        .iter()
        .map(|name| WrongSetting {
            name: Some((*name).to_owned()),
            message: format!("{title} has no setting `{name}`"),
            help: Some(advice(name, known.iter().copied())),
        })
        .collect();
    // A required setting that an unknown one means is not missing too.
    let meant: Vec<&str> = unknown
        .iter()
        .filter_map(|name| suggest(name, known.iter().copied()))
        .collect();
    let mut settings = Settings::default();
    for (name, setting) in rules {
        let given = match given.get(name) {
            Some(Given::Unreadable) => continue,
            Some(Given::Value(value)) => Some(value),
            None => None,
        };
        match value(name, &full(setting), given) {
            Ok(ResolvedValue::Text(text)) => {
                settings.texts.insert(name.clone(), text);
            }
            Ok(ResolvedValue::List(list)) => {
                settings.lists.insert(name.clone(), list);
            }
            Err(problem) if problem.name.is_some() => wrong.push(problem),
            Err(_) if may_be_elsewhere || meant.contains(&name.as_str()) => {}
            Err(problem) => wrong.push(problem),
        }
    }
    // A default may be made of other settings; one of which a part lacks its value lacks its own.
    let filled = settings.texts.iter().filter_map(|(name, text)| {
        let is_known = |part: &&str| settings.texts.contains_key(*part) || !known.contains(part);
        let parts = template::names(text);
        let text = template::fill(text, &[&settings.texts]);
        parts.iter().all(is_known).then(|| (name.clone(), text))
    });
    settings.texts = filled.collect();
    (settings, wrong)
}

/// The rules with this grant: a setting that it does not use is not required.
pub fn of_grant(
    rules: &BTreeMap<String, Setting>,
    grant: Option<GrantKind>,
) -> BTreeMap<String, Setting> {
    let mut rules = rules.clone();
    for setting in rules.values_mut() {
        if let Setting::Full(rules) = setting
            && grant.is_some_and(|grant| rules.unused_by.contains(&grant))
        {
            rules.required = false;
            rules.default.get_or_insert_default();
        }
    }
    rules
}

enum ResolvedValue {
    Text(String),
    List(Vec<String>),
}

fn full(setting: &Setting) -> SettingRules {
    match setting {
        Setting::Default(text) => SettingRules {
            default: Some(text.clone()),
            ..SettingRules::default()
        },
        Setting::Full(rules) => rules.clone(),
    }
}

fn value(
    name: &str,
    rules: &SettingRules,
    given: Option<&SettingValue>,
) -> Result<ResolvedValue, WrongSetting> {
    let wrong = |message: String, help: Option<String>| WrongSetting {
        name: Some(name.to_owned()),
        message,
        help,
    };
    let text = match (given, rules.list) {
        (Some(SettingValue::List(list)), true) => return Ok(ResolvedValue::List(list.clone())),
        (None, true) => return Ok(ResolvedValue::List(Vec::new())),
        (Some(_), true) => {
            return Err(wrong(
                format!("`{name}` is a list"),
                Some("write `[\"1\", \"2\"]`".into()),
            ));
        }
        (Some(SettingValue::List(_)), false) => {
            return Err(wrong(format!("`{name}` is one value, not a list"), None));
        }
        (Some(SettingValue::Text(text)), false) => text.clone(),
        (Some(SettingValue::Integer(number)), false) => number.to_string(),
        (Some(SettingValue::Boolean(truth)), false) => truth.to_string(),
        (None, false)
            if rules.required && rules.default.as_deref().unwrap_or_default().is_empty() =>
        {
            let help = if rules.help.is_empty() {
                None
            } else {
                Some(rules.help.clone())
            };
            return Err(WrongSetting {
                name: None,
                message: format!("the setting `{name}` is missing"),
                help,
            });
        }
        (None, false) => rules.default.clone().unwrap_or_default(),
    };
    if !rules.choices.is_empty() && !rules.choices.contains(&text) {
        let choices = listed(rules.choices.iter().map(String::as_str));
        return Err(wrong(
            format!("invalid value for `{name}`"),
            Some(format!("known: {choices}")),
        ));
    }
    Ok(ResolvedValue::Text(text))
}
