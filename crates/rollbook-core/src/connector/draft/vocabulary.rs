//! The words that vendors name things by, and people are not called by.
//!
//! What a person typed or a vendor sent may hold the name of a pupil or a short secret, and no form tells them from the
//! name of a collection. So a draft shows only words of this list.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::names::snake;

/// Without endings: `classes` is `class`, `histories` is `history`.
const WORDS: &str = "
    absence absent academic access account action active activity actual add additional address admin adult after agent
    all allergy alternate amount an and annual answer anzsic api app applicant application apply archive archived area
    arrival article as assessment asset assigned assignment association at attachment attendance attribut attribute
    audit author authorization auto available avatar average award back bank barcode base basic batch before begin
    beginn behavior behaviour bell benefit billing birth birthday block blog board body bonus book booking born borrower
    bought branch broadcast budget building bulletin bus business buyer by calendar call campus cancelled capacity card
    care career case catalog category cell certificate change changed channel chapter check child children citizenship
    city class classroom client clock closed cloud club code cohort collection college color colour column combo comment
    committee common communication community company complete completed completion component condition conference config
    configuration confirmed consent contact contained content contract copy core cost count country county course cover
    create created credential credit culture currency current curriculum cursor custom customer cycle d daily data
    database dataset date datum days death deep default deleted delivery demographic department description detail
    device diagnosis diary digital diploma direct directory disability discipline display district division document
    domain due duration each early ed edge edition education eduction effective elearning electronic element eligible
    email emergency employee employer employment enabled end ende ended enrollment enrolment entity entry envelope
    equipment error ethnicity eval evaluation event exam exception exchange excused expand expiry export extended
    extension external fach facility factor faculty faecher failed family fax feature fee feed feedback fi field file
    filter final finance finished first flag fleet floor folder form format former forum found fri friday from full fund
    funding geburtsdatum gender generation geo geschlecht given goal gps grade graded grading graduate graduation graph
    group guardian guid guide half header health height help hidden high history hit holiday home homeroom homework hook
    hour house household href html http icon id identification identifier identity image import ims in inactive incident
    include income index individual info information initial instance institution instruction instructor insurance
    interest internal interval inventory invoice is isbn issue item job join journal json key keyword kind klasse
    klassen kurs kurse lab label lang language last lat late latitude layout lead leader leave left lehrer lehrkraft
    lendable lesson level library licence license life line link list lit loan local locale location lock locked log
    login lon long longitude lunch machine mail mailbox main maintenance major manager map marital master material
    maximum me meal measure media medical medication medium meeting member membership menu message meta metadata method
    metric middle migration minimum minute mobile mode model modified module mon monday month motto move municipality my
    nachname name national nationality native near need network new next nick no node noten notice notification number
    nutrition object occupation occurrence ocs odata odd of offer office official offset old on oneroster online open
    option order org organisation organization origin original ort other outcome output owner page pager pagination
    paging paid paper parent parking part partner party password path patron pause pay payload payment payroll pending
    people per percent percentage performance period permission person personal phone photo php physical picture place
    placement plan platform plz point policy population position post postal postcode practice preferred prefix presence
    present previous price primary print priority privacy private process product profile program programme progress
    project pronoun property provider province public publication published publisher pupil purchase qualification
    quality quantity quarter query question queue quiz quota race rank rate rating raum read reading reason received
    recipient record ref reference region register registration relation relationship release religion remark reminder
    remote report reporting request required requirement reservation resource response rest result return returned
    review role roll room roster route row rule salary sale salutation sample sat saturday scale schedule scheduled
    scheme scholarship school schueler schule schulen science score screen search season seat second secondary secret
    section sector security select semester seminar sender sent sequence series server service session set setting sex
    shelf shift short sibling sick sign signature site size skill skip social sort source sourced special specialty
    spouse staff stage standard start started state statement station statistic status step stock stop store strasse
    street strength student study stunde stundenplan style subject submission submitted substitute suburb suffix summary
    sun sunday supervisor supplier support surname survey suspended sync system table tag take target task tax teacher
    teaching team template term test text theme thread threshold thu thursday ticket time timestamp timetable timezone
    title to today token tool top topic total town track train training transaction transcript transfer transition
    transport travel trigger tue tuesday tuition tutor type unit university updated upload uri url usage use used user
    username vaccine valid value vehicle vendor venue verified version video view visa visibility visible visit visitor
    volume vorname waiting warning web webhook wed wednesday week weekday weight withdrawal work worker workflow
    workplace workspace xml year yearly zip zone
";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    WORDS
        .split_ascii_whitespace()
        .chain(STRUCTURE.iter().copied())
        .collect()
});

/// Of a name of several words one of these shows that a vendor chose it.
const STRUCTURE: &[&str] = &[
    "id", "ids", "uuid", "guid", "code", "name", "names", "date", "time", "count", "number",
    "type", "status", "flag", "url", "total", "size", "is", "has", "at", "by",
];

/// The words of a name, without the numbers behind them.
fn words(name: &str) -> Vec<String> {
    let snake = snake(name);
    let words = snake.split('_').filter(|word| !word.is_empty());
    words
        .map(|word| {
            word.trim_end_matches(|last: char| last.is_ascii_digit())
                .to_owned()
        })
        .collect()
}

/// Whether all words of a name are known.
pub(super) fn is_known(name: &str) -> bool {
    let words = words(name);
    name.is_ascii() && !words.is_empty() && words.iter().all(|word| is_word(word))
}

/// Whether a member's name is one that a vendor chose.
pub(super) fn is_schema_name(name: &str) -> bool {
    let words = words(name);
    let is_structured = || words.len() > 1 && words.iter().any(|word| STRUCTURE.contains(&&**word));
    is_known(name) || is_structured()
}

fn is_word(word: &str) -> bool {
    let without = |end| {
        word.strip_suffix(end)
            .is_some_and(|stem| KNOWN.contains(stem))
    };
    let plural_of_y = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
    KNOWN.contains(word)
        || without("s")
        || without("es")
        || plural_of_y.is_some_and(|word| KNOWN.contains(&*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_vendors_are_known_and_people_are_not() {
        for name in [
            "users",
            "classes",
            "Histories",
            "studentSchoolAssociations",
            "course_periods",
            "ID",
            "isActive",
            "@odata.id",
            "line2",
            "First Name",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in [
            "jane",
            "Jane",
            "jane.doe",
            "x7k2",
            "4711",
            "Jane Doe",
            "Mark",
            "max",
            "will",
            "may",
            "april",
            "Grace",
            "Rose",
            "",
            "Sch\u{fc}ler",
            "student_jane",
        ] {
            assert!(!is_known(name), "{name}");
        }
        for (name, is_schema) in [
            ("fluxID", true),
            ("parentFluxId", true),
            ("jane_doe", false),
            ("wci", false),
        ] {
            assert_eq!(is_schema_name(name), is_schema, "{name}");
        }
    }
}
