//! `--set NAME=VALUE`: fields of deploy.json that are to have another value for once.

use canary_core::request::canonical;

use crate::{
    deploy::Draft,
    problem::{Place, Problems},
    read::shown,
};

/// The fields that have options of their own.
const OWN: [(&str, &str); 4] = [
    ("Sha", "`--sha`"),
    ("ContainerImage", "`--image`"),
    ("CanaryTemplate", "`--manifest` or `--template`"),
    ("CanaryTemplateUrl", "`--artifact-bucket`"),
];

/// A field and its value, which is read as those of the file are: a number may be a text.
#[derive(Debug)]
pub struct Override<'a> {
    name: &'a str,
    value: &'a str,
    place: Place,
}

impl<'a> Override<'a> {
    /// The good ones of all `--set` options; what is wrong with the others is added to `problems`: that it is no name and value,
    /// that there is another option for it, or that it sets a field a second time. Whether there is such a field, and whether its
    /// value is right, is for the request's own check to say.
    pub fn all(options: &'a [String], problems: &mut Problems) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for option in options {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let place = Place::whole(format!("--set {}", name.escape_debug()).trim_end());
            let field = canonical(name);
            if name.is_empty() || name == option {
                problems.add(&place, format!("{} is no name and value: allowed is NAME=VALUE", shown(option)));
            } else if let Some((_, own)) = OWN.iter().find(|(own, _)| *own == field) {
                problems.add(&place, format!("`{field}` has an option of its own: {own}"));
            } else if all.iter().any(|earlier| canonical(earlier.name) == field) {
                problems.add(&place, format!("sets {} a second time: allowed is once", shown(field)));
            } else {
                all.push(Self { name, value, place });
            }
        }
        all
    }

    /// Sets the field.
    pub fn apply(&self, draft: &mut Draft) {
        draft.set(self.name, self.value, self.place.clone());
    }
}
