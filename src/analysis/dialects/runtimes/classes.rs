//! What kind of failure an error's class, code and message tell of, whatever the language.
//!
//! Codes are those of errno(3), `getaddrinfo(3)`, Node's (<https://nodejs.org/api/errors.html#common-system-errors>)
//! and OpenSSL's verification errors (<https://docs.openssl.org/master/man1/openssl-verification-options/>).

pub(in crate::analysis::dialects) use super::messages::of_message;
use crate::analysis::kind::Kind;

/// The kind an errno name or a code like it tells of.
pub(in crate::analysis::dialects) fn of_code(code: &str) -> Option<Kind> {
    let kind = match code {
        "ECONNREFUSED"
        | "ECONNRESET"
        | "ECONNABORTED"
        | "ENOTFOUND"
        | "EAI_AGAIN"
        | "EAI_NODATA"
        | "EAI_NONAME"
        | "EAI_FAIL"
        | "EPIPE"
        | "ETIMEDOUT"
        | "ESOCKETTIMEDOUT"
        | "EADDRINUSE"
        | "EADDRNOTAVAIL"
        | "EHOSTUNREACH"
        | "EHOSTDOWN"
        | "ENETUNREACH"
        | "ENETDOWN"
        | "ENETRESET"
        | "ENOTCONN"
        | "EPROTO"
        | "ERR_TLS_CERT_ALTNAME_INVALID"
        | "ERR_NETWORK"
        | "ERR_SOCKET_CLOSED"
        | "ERR_SOCKET_CONNECTION_TIMEOUT"
        | "ERR_STREAM_PREMATURE_CLOSE"
        | "ERR_BAD_RESPONSE"
        | "ERR_CANCELED_REQUEST" => Kind::NetworkError,
        "ENOSPC"
        | "EMFILE"
        | "ENFILE"
        | "ENOMEM"
        | "EDQUOT"
        | "ERR_WORKER_OUT_OF_MEMORY"
        | "SQLITE_FULL"
        | "SQLITE_NOMEM" => Kind::ResourceExhaustion,
        "ERR_PNPM_FETCH_401" | "E401" => Kind::Auth,
        _ if code.starts_with("UND_ERR_") || code.starts_with("ERR_SSL_") => Kind::NetworkError,
        _ if code.contains("CERT") && !code.contains("ERR_ASSERT") => Kind::NetworkError,
        _ => return None,
    };
    Some(kind)
}

/// The first known errno name or alike in a message: `ENOENT: no such file`, `connect ECONNREFUSED ::1`.
pub(in crate::analysis::dialects) fn code_in(message: &str) -> Option<&str> {
    message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).take(12).find(|word| {
        word.len() > 3
            && word.starts_with('E')
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'2'))
            && (of_code(word).is_some() || is_errno(word))
    })
}

fn is_errno(word: &str) -> bool {
    matches!(
        word,
        "ENOENT"
            | "EACCES"
            | "EPERM"
            | "EEXIST"
            | "EISDIR"
            | "ENOTDIR"
            | "ENOTEMPTY"
            | "EBUSY"
            | "EROFS"
            | "EXDEV"
            | "EINVAL"
            | "EBADF"
            | "ELOOP"
            | "ENAMETOOLONG"
            | "EIO"
            | "EAGAIN"
            | "ESRCH"
            | "ENOEXEC"
            | "E2BIG"
            | "ETXTBSY"
    )
}

/// The status of an answer that a client put into its message: `401 {"error":…}`,
/// `Request failed with status code 429`, `Error code: 529 - …`.
fn of_answer(message: &str) -> Option<Kind> {
    let status = ["status code ", "Error code: ", "HTTP error! status: ", "HTTP status ", "HTTP "]
        .iter()
        .find_map(|words| message.split_once(words).map(|(_, rest)| rest))
        .unwrap_or(message);
    let word = status.get(..3).filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let ended = status.get(3..4).is_none_or(|next| " ,.:)-]".contains(next));
    ended.then(|| of_status(word)).flatten()
}

/// The kind of an error by its class (last name of it), code and message.
pub(in crate::analysis::dialects) fn kind_of(class: &str, code: &str, message: &str) -> Kind {
    if let Some(kind) = of_code(code) {
        return kind;
    }
    let name = class.rsplit(['.', '$', ':', '\\']).next().unwrap_or(class);
    if let Some(kind) = of_class(name, message) {
        return kind;
    }
    // A class that says nothing: its message may.
    match (of_message(message), of_answer(message)) {
        (Some(Kind::ResourceExhaustion), _) => Kind::ResourceExhaustion,
        (words, answer) => answer.or(words).unwrap_or(Kind::RuntimeError),
    }
}

fn of_class(name: &str, message: &str) -> Option<Kind> {
    let kind = match name {
        "KeyboardInterrupt" | "Interrupt" => Kind::Cancelled,
        "ModuleNotFoundError"
        | "PackageNotFoundError"
        | "DistributionNotFound"
        | "VersionConflict"
        | "NoClassDefFoundError"
        | "ClassNotFoundException" => Kind::Dependency,
        "MemoryError"
        | "OutOfMemoryError"
        | "OutOfMemoryException"
        | "NoMemoryError"
        | "InsufficientExecutionStackException"
        | "_ArrayMemoryError"
        | "bad_alloc" => Kind::ResourceExhaustion,
        "RateLimitError"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "ThrottlingException"
        | "RateLimitExceeded" => Kind::RateLimit,
        "AuthenticationError"
        | "PermissionDeniedError"
        | "NoCredentialsError"
        | "UnauthorizedException"
        | "UnauthorizedError"
        | "CredentialsProviderError"
        | "InvalidSignatureException"
        | "ExpiredTokenException" => Kind::Auth,
        // Deno's, told which flag allows it.
        "NotCapable" => Kind::Permission,
        "TimeoutExpired" => Kind::Timeout,
        "TimeoutError" if message.is_empty() => Kind::Timeout,
        "HTTPError"
        | "HTTPStatusError"
        | "ClientResponseError"
        | "APIStatusError"
        | "HttpRequestException"
        | "HTTPException"
        | "AxiosError"
        | "HttpClientErrorException"
        | "HttpServerErrorException"
        | "OpenURI::HTTPError" => of_status(message).unwrap_or(Kind::NetworkError),
        "TimeoutError"
        | "ConnectionError"
        | "ConnectionRefusedError"
        | "ConnectionResetError"
        | "ConnectionAbortedError"
        | "BrokenPipeError"
        | "gaierror"
        | "herror"
        | "timeout"
        | "SSLError"
        | "SSLCertVerificationError"
        | "SSLEOFError"
        | "SSLZeroReturnError"
        | "RemoteDisconnected"
        | "IncompleteRead"
        | "URLError"
        | "ConnectTimeout"
        | "ReadTimeout"
        | "WriteTimeout"
        | "PoolTimeout"
        | "ConnectError"
        | "ReadError"
        | "WriteError"
        | "CloseError"
        | "RemoteProtocolError"
        | "LocalProtocolError"
        | "NetworkError"
        | "ProxyError"
        | "ChunkedEncodingError"
        | "RetryError"
        | "MaxRetryError"
        | "NewConnectionError"
        | "NameResolutionError"
        | "ProtocolError"
        | "ReadTimeoutError"
        | "ConnectTimeoutError"
        | "EndpointConnectionError"
        | "ClientConnectorError"
        | "ClientConnectionError"
        | "ClientOSError"
        | "ClientConnectorDNSError"
        | "ClientConnectorCertificateError"
        | "ServerDisconnectedError"
        | "ServerTimeoutError"
        | "ServerSelectionTimeoutError"
        | "APIConnectionError"
        | "APITimeoutError"
        | "InternalServerError"
        | "ServiceUnavailableError"
        | "OverloadedError"
        | "AutoReconnect"
        | "AMQPConnectionError"
        | "NoBrokersAvailable"
        | "ConnectionClosedError"
        | "WebSocketTimeoutException"
        | "ConnectException"
        | "UnknownHostException"
        | "NoRouteToHostException"
        | "SocketException"
        | "SocketTimeoutException"
        | "BindException"
        | "PortUnreachableException"
        | "HttpTimeoutException"
        | "HttpConnectTimeoutException"
        | "SSLException"
        | "SSLHandshakeException"
        | "CommunicationsException"
        | "ClosedChannelException"
        | "SocketError"
        | "ECONNREFUSED"
        | "ECONNRESET"
        | "EHOSTUNREACH"
        | "ETIMEDOUT"
        | "EADDRINUSE"
        | "EPIPE"
        | "OpenTimeout"
        | "ConnectionFailed"
        | "WebException"
        | "AuthenticationException"
        | "ConnectTimeoutException"
        | "HttpHostConnectException"
        | "FetchError" => Kind::NetworkError,
        "ENOSPC" | "EMFILE" | "ENOMEM" | "ENFILE" => Kind::ResourceExhaustion,
        _ if name.ends_with("OutOfMemoryError") => Kind::ResourceExhaustion,
        _ => return None,
    };
    Some(kind)
}

/// The kind an HTTP status in a message tells of: `429 Client Error: …`, `status code 401`.
fn of_status(message: &str) -> Option<Kind> {
    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric()).take(24);
    words.find_map(|word| match word {
        "429" => Some(Kind::RateLimit),
        "401" | "403" | "407" => Some(Kind::Auth),
        "400" | "404" | "408" | "409" | "422" | "500" | "502" | "503" | "504" | "529" => {
            Some(Kind::NetworkError)
        }
        _ => None,
    })
}

/// The package of a module's name in JavaScript; `None` for paths and the like.
pub(in crate::analysis::dialects) fn npm_package(module: &str) -> Option<String> {
    let bare = !module.is_empty()
        && !module.starts_with(['.', '/', '#', '~', '\\', '<'])
        && !module.starts_with("@/")
        && !module.contains([':', ' ', '\\', '\'', '"', ';', '&', '|', '$', '`']);
    bare.then(|| {
        let parts = if module.starts_with('@') { 2 } else { 1 };
        module.split('/').take(parts).collect::<Vec<_>>().join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_codes_and_words_tell_the_kind() {
        assert_eq!(kind_of("TypeError", "", "x is not a function"), Kind::RuntimeError);
        assert_eq!(kind_of("a.b.ConnectTimeout", "", ""), Kind::NetworkError);
        assert_eq!(kind_of("Error", "ENOSPC", ""), Kind::ResourceExhaustion);
        assert_eq!(kind_of("HTTPError", "", "429 Client Error"), Kind::RateLimit);
        assert_eq!(
            kind_of("OSError", "", "[Errno 28] No space left on device: '/x'"),
            Kind::ResourceExhaustion
        );
        assert_eq!(kind_of("Error", "", "Request failed with status code 401"), Kind::Auth);
        assert_eq!(code_in("connect ECONNREFUSED 127.0.0.1:1"), Some("ECONNREFUSED"));
        assert_eq!(code_in("EXAMPLE of nothing"), None);
        assert_eq!(npm_package("@a/b/c").as_deref(), Some("@a/b"));
        assert_eq!(npm_package("./a"), None);
    }
}
