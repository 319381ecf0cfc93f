#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    aws::wire::{asked, replay},
    fakes::canary_plan,
};

fn stack(status: &str) -> String {
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
         <Stacks><member><StackName>demo-web-bbb</StackName><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-11-21T03:00:00Z</CreationTime><Tags><member><Key>canary:execution</Key>\
         <Value>arn:execution</Value></member><member><Key>canary:environment</Key><Value>demo</Value></member>\
         <member><Key>canary:microservice</Key><Value>web</Value></member></Tags></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
}

fn refused(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
}

fn body() -> Template {
    Template::Body("Resources: {}".to_owned())
}

fn adapter(answers: &[(u16, &str)]) -> (CloudFormation, aws_smithy_http_client::test_util::StaticReplayClient) {
    let answers: Vec<_> = answers.iter().map(|(status, body)| (*status, body.as_bytes())).collect();
    let (config, http) = replay(&answers);
    (CloudFormation::new(&config, Some("arn:role".to_owned())), http)
}

#[tokio::test]
async fn every_status_has_a_phase() {
    let cases = [
        ("CREATE_IN_PROGRESS", StackPhase::Creating),
        ("ROLLBACK_IN_PROGRESS", StackPhase::Busy),
        ("UPDATE_IN_PROGRESS", StackPhase::Busy),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", StackPhase::Busy),
        ("UPDATE_ROLLBACK_FAILED", StackPhase::Broken),
        ("CREATE_COMPLETE", StackPhase::Ready),
        ("UPDATE_COMPLETE", StackPhase::Ready),
        ("UPDATE_ROLLBACK_COMPLETE", StackPhase::Ready),
        ("CREATE_FAILED", StackPhase::Dead),
        ("ROLLBACK_COMPLETE", StackPhase::Dead),
        ("ROLLBACK_FAILED", StackPhase::Dead),
        ("REVIEW_IN_PROGRESS", StackPhase::Dead),
        ("DELETE_IN_PROGRESS", StackPhase::Deleting),
        ("DELETE_FAILED", StackPhase::DeleteFailed),
    ];
    for (status, phase) in cases {
        let (stacks, _) = adapter(&[(200, &stack(status))]);
        let found = stacks.describe("demo-web-bbb").await.unwrap().unwrap();
        assert_eq!((found.phase, found.status.as_str()), (phase, status));
        assert_eq!(found.execution.as_deref(), Some("arn:execution"));
        assert_eq!(found.service.as_deref(), Some("demo/web"));
    }
}

#[tokio::test]
async fn a_stack_that_is_gone_is_none() {
    let missing = refused("ValidationError", "Stack with id demo-web-bbb does not exist");
    let (stacks, _) = adapter(&[(400, &missing), (200, &stack("DELETE_COMPLETE"))]);
    assert_eq!(stacks.describe("demo-web-bbb").await.unwrap(), None);
    assert_eq!(stacks.describe("demo-web-bbb").await.unwrap(), None);
}

#[tokio::test]
async fn another_validation_error_is_not_taken_for_a_missing_stack() {
    let (stacks, _) = adapter(&[(400, &refused("ValidationError", "1 validation error detected"))]);
    assert_eq!(stacks.describe("demo-web-bbb").await.unwrap_err().name(), "Canary.Rejected");
}

/// Promise 19: `TimeoutInMinutes`.
#[tokio::test]
async fn a_new_stack_gets_the_published_parameters_tags_and_the_service_role() {
    let (stacks, http) = adapter(&[(200, "<CreateStackResponse><CreateStackResult/></CreateStackResponse>")]);
    stacks.create(&canary_plan(), &body()).await.unwrap();
    let body = asked(&http)[0].2.clone();
    let sent = |key: &str, value: &str| {
        let number = (1..=7).find(|n| body.contains(&format!("Parameters.member.{n}.ParameterKey={key}&")));
        let pair = format!("Parameters.member.{}.ParameterValue={value}&", number.unwrap_or_default());
        assert!(body.contains(&pair), "{key}={value} in {body}");
    };
    sent("EnvironmentName", "demo");
    sent("MicroserviceName", "web");
    sent("Namespace", "demo.local");
    sent("Sha", "bbb");
    sent("ContainerImage", "web%3Abbb");
    sent("Port", "80");
    sent("Protocol", "http");
    assert!(!body.contains("Parameters.member.8"), "published templates declare seven: {body}");
    for part in [
        "StackName=demo-web-bbb&",
        "RoleARN=arn%3Arole",
        "TimeoutInMinutes=60&",
        "OnFailure=ROLLBACK",
        "Value=arn%3Aexecution",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[tokio::test]
async fn a_template_in_s3_is_validated_and_used_where_it_lies() {
    let made = "<CreateStackResponse><CreateStackResult/></CreateStackResponse>";
    let (stacks, http) = adapter(&[(200, &valid(&PARAMETERS, "")), (200, made)]);
    let template = Template::Url("https://b.s3.us-west-2.amazonaws.com/t.yaml".to_owned());
    assert_eq!(stacks.refusal(&template).await.unwrap(), None);
    stacks.create(&canary_plan(), &template).await.unwrap();
    for (_, _, body) in asked(&http) {
        assert!(body.contains("TemplateURL=https%3A%2F%2Fb.s3.us-west-2.amazonaws.com%2Ft.yaml"), "{body}");
        assert!(!body.contains("TemplateBody"), "{body}");
    }
}

#[tokio::test]
async fn a_stack_that_is_there_already_is_looked_at_and_not_a_failure() {
    let (stacks, _) = adapter(&[(400, &refused("AlreadyExistsException", "Stack [demo-web-bbb] already exists"))]);
    stacks.create(&canary_plan(), &body()).await.unwrap();
}

/// The events of stack `demo-web-bbb`, as resource, status and reason.
fn events(newest_first: &[(&str, &str, &str)]) -> String {
    page(newest_first, "")
}

/// A page of them; `next` is the token of the page after it.
fn page(newest_first: &[(&str, &str, &str)], next: &str) -> String {
    let event = |(resource, status, reason): &(&str, &str, &str)| {
        let id = if *resource == "demo-web-bbb" { "arn:stack" } else { "physical" };
        format!(
            "<member><EventId>e</EventId><StackId>arn:stack</StackId><StackName>demo-web-bbb</StackName>\
             <Timestamp>2026-11-21T03:00:00Z</Timestamp><LogicalResourceId>{resource}</LogicalResourceId>\
             <PhysicalResourceId>{id}</PhysicalResourceId><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    format!(
        "<DescribeStackEventsResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStackEventsResult><StackEvents>{}</StackEvents><NextToken>{next}</NextToken></DescribeStackEventsResult>\
         </DescribeStackEventsResponse>",
        newest_first.iter().map(event).collect::<String>()
    )
}

async fn reasons_of(newest_first: &[(&str, &str, &str)]) -> Vec<String> {
    let (stacks, _) = adapter(&[(200, &events(newest_first))]);
    stacks.failures("demo-web-bbb").await.unwrap()
}

#[tokio::test]
async fn the_reasons_are_the_earliest_failures_without_those_that_follow_from_them() {
    let found = reasons_of(&[
        ("demo-web-bbb", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
        ("VirtualNode", "CREATE_FAILED", "Resource creation cancelled"),
        ("EcsService", "CREATE_FAILED", "circuit breaker"),
        ("TaskDefinition", "CREATE_COMPLETE", ""),
    ]);
    assert_eq!(found.await, ["EcsService: circuit breaker"]);
}

#[tokio::test]
async fn the_reasons_of_a_failed_deletion_are_those_of_the_last_one() {
    let found = reasons_of(&[
        ("demo-web-bbb", "DELETE_FAILED", "The following resource(s) failed to delete: [VirtualNode]."),
        ("VirtualNode", "DELETE_FAILED", "still a target"),
        ("demo-web-bbb", "DELETE_IN_PROGRESS", ""),
        ("CloudMap", "DELETE_FAILED", "has instances"),
        ("demo-web-bbb", "DELETE_IN_PROGRESS", ""),
        ("EcsService", "CREATE_FAILED", "circuit breaker"),
    ]);
    assert_eq!(found.await, ["VirtualNode: still a target"]);
}

#[tokio::test]
async fn all_pages_are_read_until_the_last_operation_began() {
    let (stacks, http) = adapter(&[
        (200, &page(&[("demo-web-bbb", "ROLLBACK_COMPLETE", ""), ("Sidecar", "CREATE_FAILED", "cancelled")], "two")),
        (200, &page(&[("EcsService", "CREATE_FAILED", "circuit breaker")], "three")),
        (200, &page(&[("demo-web-bbb", "CREATE_IN_PROGRESS", "User Initiated")], "four")),
    ]);
    assert_eq!(stacks.failures("demo-web-bbb").await.unwrap(), ["EcsService: circuit breaker"]);
    let tokens: Vec<_> = asked(&http)
        .into_iter()
        .map(|(_, _, body)| body.split_once("NextToken=").map(|(_, token)| token.to_owned()))
        .collect();
    assert_eq!(
        tokens,
        [None, Some("two".to_owned()), Some("three".to_owned())],
        "page four is about an earlier operation"
    );
}

#[tokio::test]
async fn a_stack_that_goes_while_its_events_are_read_has_told_what_it_told() {
    let missing = refused("ValidationError", "Stack [demo-web-bbb] does not exist");
    let (stacks, _) = adapter(&[(200, &page(&[("EcsService", "CREATE_FAILED", "no")], "two")), (400, &missing)]);
    assert_eq!(stacks.failures("demo-web-bbb").await.unwrap(), ["EcsService: no"]);
}

#[tokio::test]
async fn the_reasons_of_a_failed_update_are_not_those_of_the_creation() {
    let found = reasons_of(&[
        ("demo-web-bbb", "UPDATE_ROLLBACK_FAILED", ""),
        ("EcsService", "UPDATE_FAILED", "no capacity"),
        ("demo-web-bbb", "UPDATE_IN_PROGRESS", "User Initiated"),
        ("EcsService", "CREATE_FAILED", "circuit breaker"),
        ("demo-web-bbb", "CREATE_IN_PROGRESS", "User Initiated"),
    ]);
    assert_eq!(found.await, ["EcsService: no capacity"]);
}

#[tokio::test]
async fn if_no_resource_failed_the_stack_itself_says_why() {
    let too_long = reasons_of(&[
        ("demo-web-bbb", "ROLLBACK_COMPLETE", ""),
        ("demo-web-bbb", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded the specified timeout."),
        ("EcsService", "CREATE_FAILED", "Resource creation cancelled"),
        ("demo-web-bbb", "CREATE_IN_PROGRESS", "User Initiated"),
    ]);
    assert_eq!(too_long.await, ["demo-web-bbb: Stack creation time exceeded the specified timeout."]);
    let imported = reasons_of(&[
        ("demo-web-bbb", "CREATE_COMPLETE", "Delete canceled. Cannot delete export a as it is in use by b."),
        ("demo-web-bbb", "CREATE_COMPLETE", ""),
    ]);
    assert_eq!(imported.await, ["demo-web-bbb: Delete canceled. Cannot delete export a as it is in use by b."]);
}

/// CloudFormation's answer about a valid template with these parameters, those that hold `=` with a default.
fn valid(parameters: &[&str], capability: &str) -> String {
    let member = |parameter: &&str| match parameter.split_once('=') {
        Some((key, value)) => {
            format!("<member><ParameterKey>{key}</ParameterKey><DefaultValue>{value}</DefaultValue></member>")
        }
        None => format!("<member><ParameterKey>{parameter}</ParameterKey></member>"),
    };
    let members: String = parameters.iter().map(member).collect();
    let capabilities = match capability {
        "" => String::new(),
        name => format!("<Capabilities><member>{name}</member></Capabilities>"),
    };
    format!(
        "<ValidateTemplateResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><ValidateTemplateResult>\
         <Parameters>{members}</Parameters>{capabilities}</ValidateTemplateResult></ValidateTemplateResponse>"
    )
}

#[tokio::test]
async fn a_template_that_create_stack_would_refuse_is_refused_before() {
    let with = |extra: &'static str| PARAMETERS.into_iter().chain([extra]).collect::<Vec<_>>();
    let cases = [
        (valid(&PARAMETERS[1..], ""), Some("it declares no parameter `EnvironmentName`")),
        (valid(&with("Secret"), ""), Some("its parameter `Secret` has no default")),
        (valid(&with("Cpu=256"), ""), None),
        (valid(&PARAMETERS, "CAPABILITY_IAM"), Some("it needs the capability CAPABILITY_IAM")),
    ];
    for (answer, expected) in cases {
        let (stacks, _) = adapter(&[(200, &answer)]);
        let refusal = stacks.refusal(&body()).await.unwrap();
        match expected {
            Some(expected) => assert!(refusal.unwrap_or_default().starts_with(expected), "{expected}"),
            None => assert_eq!(refusal, None),
        }
    }
}

#[tokio::test]
async fn a_template_is_refused_in_cloudformations_words() {
    let (stacks, _) = adapter(&[
        (400, &refused("ValidationError", "Template format error: unresolved")),
        (200, &valid(&PARAMETERS, "")),
        (403, &refused("AccessDenied", "no")),
    ]);
    assert_eq!(stacks.refusal(&body()).await.unwrap().as_deref(), Some("Template format error: unresolved"));
    assert_eq!(stacks.refusal(&body()).await.unwrap(), None);
    assert_eq!(stacks.refusal(&body()).await.unwrap_err().name(), "Canary.AccessDenied");
}

/// Promise 20.
#[tokio::test]
async fn a_stacks_ecs_services_are_those_of_all_pages_that_were_not_deleted() {
    let resource = |kind: &str, id: &str, status: &str| {
        format!(
            "<member><LogicalResourceId>X</LogicalResourceId><ResourceType>{kind}</ResourceType>\
             <PhysicalResourceId>{id}</PhysicalResourceId><ResourceStatus>{status}</ResourceStatus>\
             <LastUpdatedTimestamp>2026-11-21T03:00:00Z</LastUpdatedTimestamp></member>"
        )
    };
    let page = |resources: &str, next: &str| {
        format!(
            "<ListStackResourcesResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
             <ListStackResourcesResult><StackResourceSummaries>{resources}</StackResourceSummaries>{next}\
             </ListStackResourcesResult></ListStackResourcesResponse>"
        )
    };
    let gone = resource("AWS::ECS::Service", "arn:service/demo/gone", "DELETE_COMPLETE");
    let task = resource("AWS::ECS::TaskDefinition", "arn:task", "CREATE_COMPLETE");
    let first = page(&format!("{gone}{task}"), "<NextToken>two</NextToken>");
    let second = page(&resource("AWS::ECS::Service", "arn:service/demo/web-bbb", "CREATE_COMPLETE"), "");
    let missing = refused("ValidationError", "Stack with id demo-web-bbb does not exist");
    let (stacks, _) = adapter(&[(200, &first), (200, &second), (400, &missing)]);
    assert_eq!(stacks.ecs_services("demo-web-bbb").await.unwrap(), ["arn:service/demo/web-bbb"]);
    assert_eq!(stacks.ecs_services("demo-web-bbb").await.unwrap(), Vec::<String>::new());
}
