//! Made-up types, edited: the verdict on every kind of edit is known, and a validator of JSON Schema agrees with it on values.

use contracts::Side;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use crate::breaking;

/// What a field can be.
#[derive(Debug, Clone)]
enum Form {
    Flag,
    Text,
    Whole,
    Choice(Vec<u8>),
    List(Box<Form>),
    Table(Box<Form>),
    Record(Vec<Field>),
    /// Variants told apart by the field `tag`.
    Variants(Vec<Vec<Field>>),
    Maybe(Box<Form>),
}

#[derive(Debug, Clone)]
struct Field {
    form: Form,
    required: bool,
}

fn forms() -> impl Strategy<Value = Form> {
    let leaf = prop_oneof![
        Just(Form::Flag),
        Just(Form::Text),
        Just(Form::Whole),
        vec(0..9_u8, 2..4).prop_map(|mut values| {
            values.sort_unstable();
            values.dedup();
            Form::Choice(values)
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let fields = vec((inner.clone(), any::<bool>()).prop_map(|(form, required)| Field { form, required }), 1..4);
        prop_oneof![
            inner.clone().prop_map(|form| Form::List(Box::new(form))),
            inner.clone().prop_map(|form| Form::Table(Box::new(form))),
            fields.clone().prop_map(Form::Record),
            vec(fields, 2..4).prop_map(Form::Variants),
            inner.prop_map(|form| match form {
                Form::Maybe(form) => Form::Maybe(form),
                form => Form::Maybe(Box::new(form)),
            }),
        ]
    })
}

fn records() -> impl Strategy<Value = Form> {
    vec((forms(), any::<bool>()).prop_map(|(form, required)| Field { form, required }), 1..4).prop_map(Form::Record)
}

impl Form {
    fn schema(&self) -> Value {
        match self {
            Self::Flag => json!({ "type": "boolean" }),
            Self::Text => json!({ "type": "string" }),
            Self::Whole => json!({ "type": "integer" }),
            Self::Choice(values) => {
                let each = values.iter().map(|value| json!({ "type": "string", "const": format!("v{value}") }));
                json!({ "oneOf": each.collect::<Vec<_>>() })
            }
            Self::List(form) => json!({ "type": "array", "items": form.schema() }),
            Self::Table(form) => json!({ "type": "object", "additionalProperties": form.schema() }),
            Self::Record(fields) => object(fields, None),
            Self::Variants(variants) => {
                let each = variants.iter().enumerate().map(|(tag, fields)| object(fields, Some(tag)));
                json!({ "oneOf": each.collect::<Vec<_>>() })
            }
            Self::Maybe(form) => json!({ "anyOf": [form.schema(), { "type": "null" }] }),
        }
    }

    /// A value that fits; `coins` decides wherever there is a choice.
    fn value(&self, coins: &mut impl Iterator<Item = usize>) -> Value {
        let mut pick = |of: usize| coins.next().unwrap_or_default() % of;
        match self {
            Self::Flag => json!(pick(2) == 0),
            Self::Text => json!(["", "x"][pick(2)]),
            Self::Whole => json!(pick(5)),
            Self::Choice(values) => json!(format!("v{}", values[pick(values.len())])),
            Self::List(form) => (0..pick(3)).map(|_| form.value(coins)).collect(),
            Self::Table(form) => {
                Value::Object((0..pick(3)).map(|key| (format!("k{key}"), form.value(coins))).collect())
            }
            Self::Record(fields) => Value::Object(values(fields, coins)),
            Self::Variants(variants) => {
                let tag = pick(variants.len());
                let mut value = values(&variants[tag], coins);
                value.insert("tag".into(), json!(format!("t{tag}")));
                Value::Object(value)
            }
            Self::Maybe(form) => {
                if pick(2) == 0 {
                    Value::Null
                } else {
                    form.value(coins)
                }
            }
        }
    }

    /// Every form in it, outer before inner, with its JSON pointer.
    fn visit(&mut self, at: &str, visit: &mut impl FnMut(&mut Self, &str)) {
        visit(self, at);
        let mut fields = |fields: &mut Vec<Field>| {
            for (name, field) in fields.iter_mut().enumerate() {
                field.form.visit(&format!("{at}/f{name}"), visit);
            }
        };
        match self {
            Self::Flag | Self::Text | Self::Whole | Self::Choice(_) => {}
            Self::List(form) | Self::Table(form) => form.visit(&format!("{at}/*"), visit),
            Self::Maybe(form) => form.visit(at, visit),
            Self::Record(list) => fields(list),
            Self::Variants(variants) => variants.iter_mut().for_each(fields),
        }
    }
}

fn object(fields: &[Field], tag: Option<usize>) -> Value {
    let name = |place: usize| format!("f{place}");
    let mut properties: Map<_, _> =
        fields.iter().enumerate().map(|(place, field)| (name(place), field.form.schema())).collect();
    let required = fields.iter().enumerate().filter(|(_, field)| field.required).map(|(place, _)| name(place));
    let mut required: Vec<String> = required.collect();
    if let Some(tag) = tag {
        properties.insert("tag".into(), json!({ "type": "string", "const": format!("t{tag}") }));
        required.push("tag".into());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn values(fields: &[Field], coins: &mut impl Iterator<Item = usize>) -> Map<String, Value> {
    let mut values = Map::new();
    for (place, field) in fields.iter().enumerate() {
        if field.required || coins.next().unwrap_or_default().is_multiple_of(2) {
            values.insert(format!("f{place}"), field.form.value(coins));
        }
    }
    values
}

/// What somebody does to a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    RemoveField,
    AddOptionalField,
    AddRequiredField,
    Require,
    Release,
    Retype,
    AddValue,
    RemoveValue,
    AddVariant,
    RemoveVariant,
    AllowNull,
    ForbidNull,
}

const EDITS: [Edit; 12] = [
    Edit::RemoveField,
    Edit::AddOptionalField,
    Edit::AddRequiredField,
    Edit::Require,
    Edit::Release,
    Edit::Retype,
    Edit::AddValue,
    Edit::RemoveValue,
    Edit::AddVariant,
    Edit::RemoveVariant,
    Edit::AllowNull,
    Edit::ForbidNull,
];

impl Edit {
    /// Whether it breaks those who write the message, and those who read it.
    fn breaks(self) -> (bool, bool) {
        match self {
            Self::AddOptionalField => (false, false),
            Self::AddRequiredField | Self::Require | Self::RemoveValue | Self::RemoveVariant | Self::ForbidNull => {
                (true, false)
            }
            Self::Release | Self::AddValue | Self::AddVariant | Self::AllowNull => (false, true),
            Self::RemoveField | Self::Retype => (true, true),
        }
    }

    /// Does it here, if it can be done here; answers what of this place it is about.
    fn apply(self, form: &mut Form, index: &Index) -> Option<String> {
        let field = |place: usize| Some(format!("/f{place}"));
        match (self, form) {
            // The last one, so that no other one gets its name.
            (Self::RemoveField, Form::Record(fields)) => {
                fields.pop()?;
                field(fields.len())
            }
            (Self::AddOptionalField, Form::Record(fields)) => {
                fields.push(Field { form: Form::Text, required: false });
                field(fields.len() - 1)
            }
            (Self::AddRequiredField, Form::Record(fields)) => {
                fields.push(Field { form: Form::Text, required: true });
                field(fields.len() - 1)
            }
            (Self::Require | Self::Release, Form::Record(fields)) => {
                let place = fields.iter().position(|field| field.required == (self == Self::Release))?;
                fields[place].required = self == Self::Require;
                field(place)
            }
            (Self::Retype, form @ (Form::Flag | Form::Text | Form::Whole)) => {
                let others: [Form; 2] = match form {
                    Form::Flag => [Form::Text, Form::List(Box::new(Form::Flag))],
                    Form::Text => [Form::Whole, Form::Record(Vec::new())],
                    _ => [Form::Flag, Form::Text],
                };
                *form = index.get(&others).clone();
                Some(String::new())
            }
            (Self::AddValue, Form::Choice(values)) => {
                values.push(9);
                Some(String::new())
            }
            (Self::RemoveValue, Form::Choice(values)) if values.len() > 1 => {
                values.remove(index.index(values.len()));
                Some(String::new())
            }
            (Self::AddVariant, Form::Variants(variants)) => {
                variants.push(Vec::new());
                Some(String::new())
            }
            // Of two, one would be left that nothing needs to be told from.
            (Self::RemoveVariant, Form::Variants(variants)) if variants.len() > 2 => {
                variants.pop()?;
                Some(String::new())
            }
            (Self::AllowNull, form) if !matches!(form, Form::Maybe(_)) => {
                *form = Form::Maybe(Box::new(form.clone()));
                Some(String::new())
            }
            (Self::ForbidNull, form) => {
                let Form::Maybe(inner) = form else { return None };
                *form = (**inner).clone();
                Some(String::new())
            }
            _ => None,
        }
    }
}

/// The type with the edit done at one of the places where it can be done, and the pointer that it is about.
fn edited(before: &Form, edit: Edit, index: &Index) -> Option<(Form, String)> {
    let mut places = Vec::new();
    let mut is_inside_null = false;
    before.clone().visit("", &mut |form, at| {
        // What may be null already cannot be allowed to be.
        let is_again = edit == Edit::AllowNull && is_inside_null;
        is_inside_null = matches!(form, Form::Maybe(_));
        places.push((!is_again && edit.apply(&mut form.clone(), index).is_some()).then(|| at.to_owned()));
    });
    let possible: Vec<usize> = (0..places.len()).filter(|place| places[*place].is_some()).collect();
    if possible.is_empty() {
        return None;
    }
    let chosen = *index.get(&possible);
    let (mut after, mut place, mut pointer) = (before.clone(), 0, String::new());
    after.visit("", &mut |form, at| {
        // An edit may change how many places there are further in, which come after it.
        if place == chosen {
            let part = edit.apply(form, index).expect("it was possible here");
            pointer = format!("{at}{part}");
        }
        place += 1;
    });
    Some((after, pointer))
}

fn edits() -> impl Strategy<Value = Edit> {
    prop::sample::select(EDITS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_edit_breaks_whom_it_must(before in records(), edit in edits(), index: Index) {
        let Some((after, pointer)) = edited(&before, edit, &index) else { return Ok(()) };
        let (old, new) = (before.schema(), after.schema());
        for (side, must) in [(Side::Read, edit.breaks().0), (Side::Written, edit.breaks().1)] {
            let found = breaking(side, &old, &new);
            prop_assert_eq!(!found.is_empty(), must, "{:?} at `{}` for {:?}: {:?}", edit, pointer, side, found);
            let elsewhere = found.iter().find(|change| !change.pointer.starts_with(&pointer));
            prop_assert_eq!(elsewhere, None, "{:?} at `{}`", edit, pointer);
        }
    }

    /// Whatever is said to break nobody at one end: the values of that end still fit.
    #[test]
    fn a_validator_agrees(before in records(), edits in vec((edits(), any::<Index>()), 1..4), coins in vec(any::<usize>(), 40)) {
        let mut after = before.clone();
        for (edit, index) in &edits {
            after = edited(&after, *edit, index).map_or(after, |(after, _)| after);
        }
        holds(&before, &after, &coins)?;
        holds(&after, &before, &coins)?;
    }

    /// Also of two types that have nothing to do with each other.
    #[test]
    fn a_validator_agrees_on_strangers(before in records(), after in records(), coins in vec(any::<usize>(), 40)) {
        holds(&before, &after, &coins)?;
    }
}

fn holds(before: &Form, after: &Form, coins: &[usize]) -> Result<(), TestCaseError> {
    let (old, new) = (before.schema(), after.schema());
    for (side, writes, reads) in [(Side::Read, before, &new), (Side::Written, after, &old)] {
        if breaking(side, &old, &new).is_empty() {
            let validator = jsonschema::validator_for(reads).unwrap();
            let mut coins = coins.iter().copied().cycle();
            for _ in 0..8 {
                let value = writes.value(&mut coins);
                prop_assert!(validator.is_valid(&value), "{:?}: {} does not fit {}", side, value, reads);
            }
        }
    }
    Ok(())
}
