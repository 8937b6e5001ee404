//! A source's settings against its vendor's description: defaults, what must be said, what may be said.

use std::collections::BTreeMap;

use crate::config::SettingValue;
use crate::model::nearest::{advice, listed};
use crate::vendor::api::Settings;
use crate::vendor::description::{Description, Setting, SettingRules};
use crate::vendor::template;

/// A setting that cannot be used: its name (empty for the source itself), what is wrong, what to do.
pub struct WrongSetting {
    /// Which one.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// All settings with their values, or everything that is wrong with them.
pub fn resolve(
    description: &Description,
    given: &BTreeMap<String, SettingValue>,
) -> Result<Settings, Vec<WrongSetting>> {
    let known: Vec<&str> = description.settings.keys().map(String::as_str).collect();
    let mut wrong: Vec<WrongSetting> = given
        .keys()
        .filter(|name| !description.settings.contains_key(*name))
        .map(|name| WrongSetting {
            name: name.clone(),
            message: format!("{} knows no setting `{name}`", description.title),
            help: Some(advice(name, known.iter().copied())),
        })
        .collect();
    let mut settings = Settings::default();
    for (name, setting) in &description.settings {
        let rules = rules(setting);
        match value(name, &rules, given.get(name)) {
            Ok(Value::Text(text)) => {
                settings.texts.insert(name.clone(), text);
            }
            Ok(Value::List(list)) => {
                settings.lists.insert(name.clone(), list);
            }
            Err(problem) => wrong.push(problem),
        }
    }
    // A default may be made of other settings.
    let filled = settings
        .texts
        .iter()
        .map(|(name, text)| (name.clone(), template::fill(text, &[&settings.texts])))
        .collect();
    settings.texts = filled;
    if wrong.is_empty() {
        Ok(settings)
    } else {
        Err(wrong)
    }
}

enum Value {
    Text(String),
    List(Vec<String>),
}

fn rules(setting: &Setting) -> SettingRules {
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
) -> Result<Value, WrongSetting> {
    let wrong = |message: String, help: Option<String>| WrongSetting {
        name: name.to_owned(),
        message,
        help,
    };
    let text = match (given, rules.list) {
        (Some(SettingValue::List(list)), true) => return Ok(Value::List(list.clone())),
        (None, true) => return Ok(Value::List(Vec::new())),
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
                name: String::new(),
                message: format!("the setting `{name}` is missing"),
                help,
            });
        }
        (None, false) => rules.default.clone().unwrap_or_default(),
    };
    if !rules.choices.is_empty() && !rules.choices.contains(&text) {
        let choices = listed(rules.choices.iter().map(String::as_str));
        return Err(wrong(
            format!("`{name}` cannot be that"),
            Some(format!("known: {choices}")),
        ));
    }
    Ok(Value::Text(text))
}
