//! Clients of servers and clouds: ssh, Docker, kubectl, databases' own clients, AWS and gRPC. Each fails
//! with one line in its own words; the sources of the wording are named beside each book.

use crate::analysis::dialect::Spec;
use crate::analysis::dialects::phrases::{Book, Phrase};
use crate::analysis::kind::Kind::{
    Auth, BuildFailure, NetworkError, Permission, RateLimit, ResourceExhaustion, RuntimeError,
    Timeout,
};
use crate::analysis::report::Rank;

/// OpenSSH (`sshconnect.c`, `readconf.c`; ssh(1)).
static SSH_BOOK: Book = Book {
    tool: "ssh",
    rank: Rank::Runtime,
    phrases: &[
        Phrase::new("ssh: connect to ", NetworkError),
        Phrase::new("ssh: Could not resolve ", NetworkError),
        Phrase::new("ssh_exchange_identification: ", NetworkError),
        Phrase::new("Host key verification failed", Auth),
        Phrase::new("", Auth).with("Permission denied (publickey"),
        Phrase::new("Permission denied, please try again", Auth),
        Phrase::new("Received disconnect from ", Auth).with("Too many authentication failures"),
        Phrase::new("kex_exchange_identification: ", NetworkError),
        Phrase::new("Connection closed by ", NetworkError).with(" port "),
        Phrase::new("Connection reset by ", NetworkError).with(" port "),
        Phrase::new("Load key \"", Auth),
        Phrase::new("@         WARNING: UNPROTECTED PRIVATE KEY FILE!", Permission),
        Phrase::new("scp: ", RuntimeError).with(": No such file or directory"),
        Phrase::new("scp: ", Permission).with(": Permission denied"),
    ],
};

pub(super) static SSH: Spec = Spec {
    name: "ssh",
    markers: &[
        "ssh: ",
        "Host key verification",
        "Permission denied (",
        "Permission denied, please",
        "kex_exchange",
        "Connection closed by ",
        "Connection reset by ",
        "Load key \"",
        "UNPROTECTED PRIVATE",
        "Received disconnect",
        "scp: ",
    ],
    recognises: |sample| SSH_BOOK.recognises(sample),
    start: || SSH_BOOK.start(),
};

/// Docker's client and Compose (`cli/command`; <https://docs.docker.com/reference/api/engine/>); what the
/// daemon answers is read by the dialect of daemons.
static DOCKER_BOOK: Book = Book {
    tool: "docker",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("error during connect: ", NetworkError)
            .suggest("Start the Docker daemon, or correct DOCKER_HOST"),
        Phrase::new("toomanyrequests: ", RateLimit),
        Phrase::new("denied: requested access to the resource is denied", Auth)
            .fix("docker login", "Log in to the registry"),
        Phrase::new("unauthorized: authentication required", Auth)
            .fix("docker login", "Log in to the registry"),
        Phrase::new("Error: No such container: ", RuntimeError),
        Phrase::new("executor failed running ", BuildFailure).wrapper(),
        Phrase::new("The command '/bin/sh -c ", BuildFailure)
            .with("returned a non-zero code")
            .wrapper(),
        Phrase::new("no configuration file provided: not found", RuntimeError),
        Phrase::new("service \"", RuntimeError).with("\" is not running"),
    ],
};

pub(super) static DOCKER: Spec = Spec {
    name: "docker",
    markers: &[
        "toomanyrequests: ",
        "requested access to the resource",
        "unauthorized: authentication",
        "error during connect: ",
        "No such container: ",
        "executor failed running",
        "returned a non-zero code",
        "no configuration file provided",
        "\" is not running",
    ],
    recognises: |sample| DOCKER_BOOK.recognises(sample),
    start: || DOCKER_BOOK.start(),
};

/// kubectl (`k8s.io/kubectl/pkg/cmd/util/helpers.go`) and Helm, without what the server answers.
static KUBECTL_BOOK: Book = Book {
    tool: "kubectl",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("Unable to connect to the server: ", NetworkError),
        Phrase::new("Error from server: etcdserver: ", NetworkError),
        Phrase::new("Error from server (InternalError): ", NetworkError),
        Phrase::new("error: the server doesn't have a resource type ", RuntimeError),
        Phrase::new("error: unable to recognize ", RuntimeError),
        Phrase::new("error: resource mapping not found for name: ", RuntimeError),
        Phrase::new("error: timed out waiting for the condition", Timeout),
        Phrase::new("error: error validating ", RuntimeError),
        Phrase::new("error: error parsing ", RuntimeError),
        Phrase::new("error: current-context ", RuntimeError),
        Phrase::new("error: context \"", RuntimeError),
        Phrase::new("error: no context exists with the name", RuntimeError),
        Phrase::new("Error: INSTALLATION FAILED: ", RuntimeError),
        Phrase::new("Error: UPGRADE FAILED: ", RuntimeError),
        Phrase::new("Error: Kubernetes cluster unreachable: ", NetworkError),
    ],
};

pub(super) static KUBECTL: Spec = Spec {
    name: "kubectl",
    markers: &[
        "connect to the server: ",
        "Error from server: etcdserver",
        "Error from server (InternalError)",
        "server doesn't have a resource",
        "error: unable to recognize ",
        "resource mapping not found",
        "waiting for the condition",
        "error: error validating ",
        "error: error parsing ",
        "error: current-context ",
        "error: context \"",
        "no context exists",
        "INSTALLATION FAILED: ",
        "UPGRADE FAILED: ",
        "cluster unreachable",
    ],
    recognises: |sample| KUBECTL_BOOK.recognises(sample),
    start: || KUBECTL_BOOK.start(),
};

/// Databases' drivers, which print their server's severity after words of their own: PostgreSQL
/// (`libpq`, 55.8 of its documentation), Redis (`server.c`) and MongoDB.
static DATABASE_BOOK: Book = Book {
    tool: "database",
    rank: Rank::Runtime,
    phrases: &[
        Phrase::new("psql: ", Auth).with("authentication failed for user"),
        Phrase::new("psql: ", NetworkError).with("FATAL:  the database system is "),
        Phrase::new("FATAL:  the database system is ", NetworkError),
        Phrase::new("FATAL:  sorry, too many clients already", ResourceExhaustion),
        Phrase::new("FATAL:  remaining connection slots are reserved", ResourceExhaustion),
        Phrase::new("psql: could not connect to server", NetworkError),
        Phrase::new("psql: error: could not connect to server", NetworkError),
        Phrase::new("psql: error: could not translate host name", NetworkError),
        Phrase::new("ERROR:  canceling statement due to statement timeout", Timeout),
        Phrase::new("ERROR:  out of shared memory", ResourceExhaustion),
        Phrase::new("NOAUTH Authentication required", Auth),
        Phrase::new("WRONGPASS invalid username-password pair", Auth),
        Phrase::new("MongoServerSelectionError: ", NetworkError),
        Phrase::new("MongoNetworkError: ", NetworkError),
        Phrase::new("MongoServerError: ", Auth).with("uthentication failed"),
        Phrase::new("MongoServerError: ", RuntimeError),
    ],
};

pub(super) static DATABASE: Spec = Spec {
    name: "database",
    markers: &[
        "psql: ",
        "FATAL:  the database system",
        "FATAL:  sorry, too many",
        "FATAL:  remaining connection",
        "due to statement timeout",
        "ERROR:  out of shared memory",
        "NOAUTH Auth",
        "WRONGPASS invalid",
        "MongoServer",
        "MongoNetwork",
    ],
    recognises: |sample| DATABASE_BOOK.recognises(sample),
    start: || DATABASE_BOOK.start(),
};

/// AWS (`botocore.exceptions`, <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>),
/// Google Cloud, and gRPC's status codes as Go prints them
/// (<https://grpc.io/docs/guides/status-codes/>).
static CLOUD_BOOK: Book = Book {
    tool: "cloud",
    rank: Rank::Runtime,
    phrases: &[
        Phrase::new("Unable to locate credentials", Auth)
            .fix("aws configure", "Give the credentials to use"),
        Phrase::new("Error when retrieving token from sso: ", Auth)
            .fix("aws sso login", "Log in again"),
        Phrase::new("Could not connect to the endpoint URL: ", NetworkError),
        Phrase::new("", RateLimit).with("An error occurred (Throttling"),
        Phrase::new("", RateLimit).with("An error occurred (TooManyRequests"),
        Phrase::new("", RateLimit).with("An error occurred (RequestLimitExceeded"),
        Phrase::new("", RateLimit).with("An error occurred (SlowDown"),
        Phrase::new("", RateLimit).with("An error occurred (ProvisionedThroughputExceeded"),
        Phrase::new("", Auth).with("An error occurred (AccessDenied"),
        Phrase::new("", Auth).with("An error occurred (UnauthorizedOperation"),
        Phrase::new("", Auth).with("An error occurred (ExpiredToken"),
        Phrase::new("", Auth).with("An error occurred (InvalidClientTokenId"),
        Phrase::new("", Auth).with("An error occurred (UnrecognizedClient"),
        Phrase::new("", Auth).with("An error occurred (AuthFailure"),
        Phrase::new("", Auth).with("An error occurred (InvalidAccessKeyId"),
        Phrase::new("", Auth).with("An error occurred (SignatureDoesNotMatch"),
        Phrase::new("", Auth).with("An error occurred (403) when calling the "),
        Phrase::new("", NetworkError).with("An error occurred (ServiceUnavailable"),
        Phrase::new("", NetworkError).with("An error occurred (InternalError"),
        Phrase::new("", RuntimeError).with("An error occurred ("),
        Phrase::new("", Auth).with("rpc error: code = Unauthenticated"),
        Phrase::new("", Auth).with("rpc error: code = PermissionDenied"),
        Phrase::new("", RateLimit).with("rpc error: code = ResourceExhausted"),
        Phrase::new("", NetworkError).with("rpc error: code = "),
        Phrase::new("ERROR: (gcloud.", Auth).with("PERMISSION_DENIED"),
        Phrase::new("ERROR: (gcloud.", Auth).with("Reauthentication"),
        Phrase::new("ERROR: (gcloud.", Auth).with("You do not currently have an active account"),
        Phrase::new("ERROR: (gcloud.", RuntimeError),
    ],
};

pub(super) static CLOUD: Spec = Spec {
    name: "cloud",
    markers: &[
        "Unable to locate credentials",
        "token from sso: ",
        "to the endpoint URL: ",
        "An error occurred (",
        "rpc error: code = ",
        "ERROR: (gcloud.",
    ],
    recognises: |sample| CLOUD_BOOK.recognises(sample),
    start: || CLOUD_BOOK.start(),
};

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_client_s_words_have_their_kind() {
        for (text, kind) in [
            ("ssh: connect to host x.test port 22: Connection refused", Kind::NetworkError),
            (
                "git@x.test: Permission denied (publickey).\nHost key verification failed.",
                Kind::Auth,
            ),
            ("denied: requested access to the resource is denied", Kind::Auth),
            ("error: timed out waiting for the condition on pods/x", Kind::Timeout),
            (
                "psql: error: connection to server at \"x\", port 5432 failed: FATAL:  password authentication failed for user \"a\"",
                Kind::Auth,
            ),
            ("NOAUTH Authentication required.", Kind::Auth),
            (
                "An error occurred (ThrottlingException) when calling the X operation: Rate exceeded",
                Kind::RateLimit,
            ),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, kind, "{text}");
        }
    }
}
