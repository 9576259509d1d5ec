use super::*;

#[test]
fn every_group_is_told_about_a_file_that_cannot_be_used() {
    let error = App::load("/nonexistent/mcp-cloud.toml").expect_err("there is none");
    for (target, other) in [(Target::Sam, Group::Service), (Target::Ecs, Group::Function)] {
        let findings = without_file(&error, target);
        let groups: Vec<_> = findings.iter().map(|finding| finding.group).collect();
        let expected: Vec<_> = Group::ALL.into_iter().filter(|group| *group != other).collect();
        assert_eq!(groups, expected, "{target}");
        let verdicts: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Skip).collect();
        assert!(matches!(verdicts.as_slice(), [file] if file.group == Group::File && file.verdict == Verdict::Ng));
    }
}

#[test]
fn groups_are_in_the_order_in_which_they_are_told() {
    assert!(Group::ALL.is_sorted());
}
