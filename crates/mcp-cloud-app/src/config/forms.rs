//! The forms that text in the file has to have.

use super::schema::forms;

forms! {
    NAME, "1 to 49 lower-case letters, digits and hyphens, begin with a letter and not end in a hyphen",
        r"^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$";
    LINE, "one line of text", r"^[^\x00-\x1f\x7f-\x9f]+$";
    DESCRIPTION, "one line of at most 256 characters", r"^[^\x00-\x1f\x7f-\x9f]{1,256}$";
    // The path becomes a route of a gateway, part of a URL and an environment variable: only what means itself in all
    // three is allowed.
    PATH, "like `/mcp`: a slash before each part, parts of letters, digits, `-`, `_` and `.`, at most 128 characters",
        r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){1,8}$";
    DIRECTORY, "a directory, relative to this file or absolute", r"^[^\x00-\x1f\x7f-\x9f]+$";
    RELATIVE_PATH, "a path without control characters, relative to this file", r"^[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
    // What a value may hold is everything but what no environment can carry.
    ANY, "text without NUL", r"^[^\x00]*$";
    VARIABLE, "the name of a variable: letters, digits and `_`, the first no digit", r"^[A-Za-z_][A-Za-z0-9_]*$";
    DOMAIN, "a domain in lower case, such as `mcp.example.com`", r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z]{2,63}$";
    ORIGIN, "an origin without a path, such as `https://app.example.com`",
        r"^https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$";
    HTTPS_URL, "an `https://` URL", r"^https://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/[!-~]*)?$";
    HTTP_URL, "an `http://` or `https://` URL", r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?(/[!-~]*)?$";
    AWS_REGION, "like `eu-central-1`", r"^[a-z]{2,4}(-[a-z]{1,12}){1,3}-[0-9]{1,2}$";
    AWS_ACCOUNT, "the 12 digits of an AWS account, in quotes", r"^[0-9]{12}$";
    POLICY_ARN, "the ARN of a managed policy, such as `arn:aws:iam::123456789012:policy/read-notes`",
        r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-~]+$";
    ROLE_ARN, "the ARN of an IAM role, such as `arn:aws:iam::123456789012:role/deploy`",
        r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+$";
    CERTIFICATE_ARN, "the ARN of a certificate of AWS Certificate Manager, such as `arn:aws:acm:eu-central-1:123456789012:certificate/0a1b…`",
        r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{1,64}$";
    SECRET_ARN, "the whole ARN of a secret, with the six characters at its end, such as `arn:aws:secretsmanager:eu-central-1:123456789012:secret:notes-AbCdEf`",
        r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$";
    USER_POOL_ARN, "the ARN of a Cognito user pool, such as `arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a1B2c3D4e`",
        r"^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[a-z0-9-]+_[A-Za-z0-9]+$";
    TOPIC_ARN, "the ARN of an SNS topic, such as `arn:aws:sns:eu-central-1:123456789012:alarms`",
        r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$";
    CLUSTER, "the name of a cluster: letters, digits, `-` and `_`", r"^[A-Za-z0-9_-]{1,255}$";
    HOSTED_ZONE, "the id of a hosted zone of Route 53, such as `Z0123456789ABCDEFGHIJ`", r"^Z[A-Z0-9]{1,31}$";
    VPC, "the id of a VPC, such as `vpc-0a1b2c3d`", r"^vpc-[0-9a-f]{8,17}$";
    SUBNET, "the id of a subnet, such as `subnet-0a1b2c3d`", r"^subnet-[0-9a-f]{8,17}$";
    SECURITY_GROUP, "the id of a security group, such as `sg-0a1b2c3d`", r"^sg-[0-9a-f]{8,17}$";
    JSON_KEY, "the name of a member of the secret's JSON", r"^[A-Za-z0-9_.-]{1,128}$";
    SECRET_NAME, "the name of a secret of Google's Secret Manager: letters, digits, `-` and `_`", r"^[A-Za-z0-9_-]{1,255}$";
    SECRET_VERSION, "the number of a secret's version, in quotes, such as `\"3\"`", r"^[1-9][0-9]{0,8}$";
    KEY_VAULT_SECRET, "the URI of a Key Vault secret, such as `https://notes.vault.azure.net/secrets/github`",
        r"^https://[a-z0-9-]{3,24}\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)/secrets/[A-Za-z0-9-]{1,127}(/[0-9a-f]{32})?$";
    GOOGLE_PROJECT, "the id of a Google Cloud project, such as `notes-123456`", r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$";
    GOOGLE_REGION, "like `europe-west1`", r"^[a-z]+-[a-z]+[0-9]{1,2}$";
    GOOGLE_REPOSITORY, "the name of an Artifact Registry repository: lower-case letters, digits and hyphens",
        r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
    GOOGLE_SERVICE_ACCOUNT, "the address of a service account, such as `notes@notes-123456.iam.gserviceaccount.com`",
        r"^[a-z]([a-z0-9-]{4,28}[a-z0-9])@[a-z0-9.-]+\.gserviceaccount\.com$";
    GOOGLE_MEMBER, "a member of a policy, such as `user:ann@example.com` or `serviceAccount:ci@notes-123456.iam.gserviceaccount.com`",
        r"^(user|serviceAccount|group|domain):[^\s]{3,256}$";
    AZURE_LOCATION, "a location of Azure in lower case, such as `westeurope`", r"^[a-z][a-z0-9]{3,30}$";
    IMAGE, "an image by tag or digest, such as `ghcr.io/example/notes@sha256:…`",
        r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$";
    REPOSITORY, "a repository of a registry without a tag, such as `123456789012.dkr.ecr.eu-central-1.amazonaws.com/notes`",
        r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$";
    RUNTIME_VERSION, "a version such as `22` or `3.13`", r"^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$";
    WORKING_HOURS, "days, hours and a time zone, such as `mon-fri 08:00-18:00 Europe/Berlin`",
        r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))? ([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9] (UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$";
    CIDR, "a range of addresses, such as `10.0.0.0/16`", r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/([0-9]|[12][0-9]|3[0-2])$";
    SCOPE, "an OAuth scope without spaces", r"^[!#-\[\]-~]+$";
    BRANCH, "the name of a branch", r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$";
    ENVIRONMENT_NAME, "the name of an environment: 1 to 16 lower-case letters, digits and hyphens, the first a letter",
        r"^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_a_pattern_of_the_whole_text() {
        for form in FORMS {
            assert!(form.pattern().starts_with('^') && form.pattern().ends_with('$'), "{form:?}");
            assert!(!form.holds("\0"), "{form:?}");
        }
    }

    #[test]
    fn forms_take_what_is_right_and_nothing_else() {
        let cases: [(&crate::config::schema::Form, &[&str], &[&str]); 12] = [
            (&NAME, &["a", "notes-2"], &["", "Notes", "a b", "-a", "a-", "2a", &"a".repeat(50)]),
            (&PATH, &["/mcp", "/a/b.c"], &["", "mcp", "/", "/a/", "//a", "/..", "/a b", "/a?b"]),
            (&DOMAIN, &["mcp.example.com"], &["example", "https://a.b", "A.example", "a..b", "*.a.com"]),
            (&ORIGIN, &["https://a.example", "http://localhost:3000"], &["*", "https://a/b", "a.example", "https://"]),
            (&AWS_REGION, &["eu-central-1", "us-gov-west-1"], &["frankfurt", "eu-central", "EU-central-1"]),
            (
                &SECRET_ARN,
                &["arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf"],
                &["notes", "arn:aws:s3:::x"],
            ),
            (
                &IMAGE,
                &["nginx:1.27", "a.b:5000/c/d@sha256:0000000000000000000000000000000000000000000000000000000000000000"],
                &["A", "a:b:c", "a@sha256:12", ""],
            ),
            (
                &WORKING_HOURS,
                &["mon-fri 08:00-18:00 Europe/Berlin", "sun 00:00-23:59 UTC"],
                &["always", "mon 8-18 UTC"],
            ),
            (&KEY_VAULT_SECRET, &["https://notes.vault.azure.net/secrets/a"], &["https://evil.example/secrets/a"]),
            (&SECRET_VERSION, &["1", "12"], &["latest", "0"]),
            (&VARIABLE, &["A", "_a1"], &["", "1A", "A-B", "A B"]),
            (&LINE, &["a b"], &["", "a\nb", "\u{85}"]),
        ];
        for (form, right, wrong) in cases {
            for text in right {
                assert!(form.holds(text), "{text:?} is {}", form.expected);
            }
            for text in wrong {
                assert!(!form.holds(text), "{text:?} is not {}", form.expected);
            }
        }
    }
}
