//! Networks, HTTP and the services behind it.

use crate::analysis::dialect::Spec;

mod answers;
mod body;
mod clients;
mod meaning;
mod peers;
mod runners;
mod servers;
mod status;
mod transfers;
mod words;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &transfers::CURL,
    &transfers::WGET,
    &clients::SSH,
    &clients::DOCKER,
    &clients::KUBECTL,
    &clients::DATABASE,
    &clients::CLOUD,
    &answers::SPEC,
    &peers::SPEC,
    &runners::SPEC,
    &servers::SPEC,
];

#[cfg(test)]
mod tests {
    #[test]
    fn any_mixture_is_read_without_harm() {
        crate::analysis::dialects::phrases::harm::read_mixtures(super::SPECS);
    }
}
