//! ECS: task definitions by the model of the call that registers them.

use std::path::Path;

use super::script;

/// Judges files that `aws ecs register-task-definition --cli-input-json` takes. Which pairs of CPU and memory Fargate
/// has is cfn-lint's to know.
pub(crate) fn task_definitions(files: &[impl AsRef<Path>]) -> Result<(), String> {
    script("task_definition.py", &[], files)
}

mod tests {
    use mcp_cloud_tests::python;

    use super::task_definitions;
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn task_definition_is_judged_by_the_model_of_its_registration() {
        let Some(_) = python() else { return };
        let good = r#"{
            "family": "hello",
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{
                "name": "server",
                "image": "hello:1",
                "essential": true,
                "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
                "secrets": [{ "name": "KEY", "valueFrom": "/hello/key" }]
            }]
        }"#;
        let wrong = [
            ("essential", "esential", "Unknown parameter in containerDefinitions[0]: \"esential\""),
            ("8080", "\"8080\"", "Invalid type for parameter containerDefinitions[0].portMappings[0].containerPort"),
            ("FARGATE", "FARGAT", "'FARGAT', not one of"),
            ("awsvpc", "vpc", "'vpc', not one of"),
            ("\"family\": \"hello\",", "", "Missing required parameter in input: \"family\""),
            ("\"valueFrom\"", "\"value\"", "Unknown parameter in containerDefinitions[0].secrets[0]"),
            ("\"512\"", "null", "Invalid type for parameter memory"),
            ("true,", "true", "is not JSON"),
        ];
        accepts_only_the_good_one(task_definitions, "task-definition.json", good, &wrong);
    }
}
