//! Package managers.

use crate::analysis::dialect::Spec;
use crate::analysis::kind::Kind;

mod bun;
mod go_modules;
mod npm;
mod pip;
mod pnpm;
mod resolvers;
mod uv;
mod yarn;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &npm::SPEC,
    &pnpm::SPEC,
    &yarn::YARN,
    &yarn::BERRY,
    &bun::SPEC,
    &uv::SPEC,
    &pip::SPEC,
    &resolvers::POETRY,
    &resolvers::CARGO,
    &go_modules::SPEC,
    &resolvers::BUNDLER,
    &resolvers::COMPOSER,
    &resolvers::SYSTEM,
];

/// Whether a code is the system's or Node's name for a peer that cannot be reached or trusted
/// (`errno(3)`, <https://nodejs.org/api/errors.html>, `X509_V_ERR_*` of OpenSSL).
fn network_code(code: &str) -> bool {
    const CODES: [&str; 20] = [
        "ECONNREFUSED",
        "ECONNRESET",
        "ECONNABORTED",
        "ENOTFOUND",
        "ETIMEDOUT",
        "ESOCKETTIMEDOUT",
        "EAI_AGAIN",
        "EAI_FAIL",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "EPIPE",
        "ERR_SOCKET_TIMEOUT",
        "FETCH_ERROR",
        "EPROTO",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "CERT_HAS_EXPIRED",
        "ERR_TLS_CERT_ALTNAME_INVALID",
    ];
    CODES.contains(&code)
}

/// The kind a registry's answer or a system error in a sentence makes of it.
fn kind_of_message(text: &str) -> Kind {
    let has = |words: &str| text.contains(words);
    if text.split(|next: char| !(next.is_ascii_alphanumeric() || next == '_')).any(network_code)
        || has("There appears to be trouble with your network")
        || has("ConnectionRefused")
        || has("socket hang up")
    {
        Kind::NetworkError
    } else if has("401") || has("403 Forbidden") || has("\"Unauthorized\"") {
        Kind::Auth
    } else if has("ENOSPC") {
        Kind::ResourceExhaustion
    } else if has("EACCES") || has("EPERM") {
        Kind::Permission
    } else {
        Kind::Dependency
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_mixture_is_read_without_harm() {
        crate::analysis::dialects::phrases::harm::read_mixtures(super::SPECS);
    }
}
