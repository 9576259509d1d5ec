//! The events of every HTTP trigger as one shape, so that an event is read once, whichever it is. Which trigger it came
//! from shows in members that only that trigger sends.
//!
//! Shapes: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use crate::json::{Malformed, Quoted, Scanner, Span};

/// Where the members of an event stand. A member that is `null` is as one that is not there.
#[derive(Default)]
pub(super) struct Event {
    pub(super) version: Option<Quoted>,
    pub(super) http_method: Option<Quoted>,
    pub(super) path: Option<Quoted>,
    pub(super) raw_path: Option<Quoted>,
    pub(super) raw_query_string: Option<Quoted>,
    pub(super) query_string_parameters: Option<Span>,
    pub(super) multi_value_query_string_parameters: Option<Span>,
    pub(super) has_multi_value_headers: bool,
    pub(super) cookies: Vec<Quoted>,
    pub(super) context: Option<Context>,
    pub(super) body: Option<Quoted>,
    pub(super) is_base64_encoded: bool,
    pub(super) is_completion: bool,
}

/// Where the members of `requestContext` stand.
#[derive(Default)]
pub(super) struct Context {
    pub(super) is_load_balancer: bool,
    pub(super) has_http: bool,
    pub(super) method: Option<Quoted>,
    pub(super) source_ip: Option<Quoted>,
    pub(super) domain_name: Option<Quoted>,
    pub(super) stage: Option<Quoted>,
    pub(super) authorizer: Option<Span>,
}

/// The headers of an event, one entry for each value. Kept from one event to the next for its capacity.
#[derive(Default)]
pub(super) struct Fields {
    /// Of `headers`.
    pub(super) single: Vec<Field>,
    /// Of `multiValueHeaders`.
    pub(super) multiple: Vec<Field>,
}

/// One value of one header.
pub(super) struct Field {
    pub(super) name: Quoted,
    pub(super) value: Quoted,
}

impl Event {
    /// Reads the event that stands at a place of a text; the headers into `fields`.
    ///
    /// # Errors
    ///
    /// Where it is no JSON, or of another shape.
    pub(super) fn read(text: &[u8], start: usize, fields: &mut Fields) -> Result<Self, Malformed> {
        let mut event = Self::default();
        fields.single.clear();
        fields.multiple.clear();
        let mut scanner = Scanner::new(text, start);
        scanner.object(|scanner, name| {
            let Some(name) = name.text(text) else { return scanner.value().map(drop) };
            let string = match &*name {
                b"version" => &mut event.version,
                b"httpMethod" => &mut event.http_method,
                b"path" => &mut event.path,
                b"rawPath" => &mut event.raw_path,
                b"rawQueryString" => &mut event.raw_query_string,
                b"body" => &mut event.body,
                _ => return event.member(&name, text, scanner, fields),
            };
            *string = scanner.optional_string()?;
            Ok::<_, Malformed>(())
        })?;
        scanner.end()?;
        Ok(event)
    }

    /// Reads a member that is more than a string.
    fn member(
        &mut self,
        name: &[u8],
        text: &[u8],
        scanner: &mut Scanner<'_>,
        fields: &mut Fields,
    ) -> Result<(), Malformed> {
        match name {
            b"queryStringParameters" => self.query_string_parameters = scanner.optional_value()?,
            b"multiValueQueryStringParameters" => {
                self.multi_value_query_string_parameters = scanner.optional_value()?;
            }
            b"headers" => headers(scanner, &mut fields.single)?,
            b"multiValueHeaders" => {
                self.has_multi_value_headers = scanner.peek() == b'{';
                multi_value_headers(scanner, &mut fields.multiple)?;
            }
            b"cookies" => cookies(scanner, &mut self.cookies)?,
            b"requestContext" => {
                self.context = if scanner.null()? { None } else { Some(Context::read(text, scanner)?) };
            }
            b"isBase64Encoded" => self.is_base64_encoded = boolean(scanner)?,
            b"invokeCompletionStatus" => self.is_completion = scanner.optional_value()?.is_some(),
            _ => drop(scanner.value()?),
        }
        Ok(())
    }
}

impl Context {
    fn read(text: &[u8], scanner: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let mut context = Self::default();
        scanner.object(|scanner, name| {
            let Some(name) = name.text(text) else { return scanner.value().map(drop) };
            match &*name {
                b"elb" => context.is_load_balancer = scanner.optional_value()?.is_some(),
                b"http" if !scanner.null()? => {
                    context.has_http = true;
                    let (method, source_ip) = (&mut context.method, &mut context.source_ip);
                    strings(text, scanner, [(b"method", method), (b"sourceIp", source_ip)])?;
                }
                b"identity" if !scanner.null()? => {
                    strings(text, scanner, [(b"sourceIp", &mut context.source_ip)])?;
                }
                b"http" | b"identity" => {}
                b"domainName" => context.domain_name = scanner.optional_string()?,
                b"stage" => context.stage = scanner.optional_string()?,
                b"authorizer" => context.authorizer = scanner.optional_value()?,
                _ => drop(scanner.value()?),
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(context)
    }
}

/// The strings among an object's members that have one of the names.
fn strings<const N: usize>(
    text: &[u8],
    scanner: &mut Scanner<'_>,
    mut wanted: [(&[u8], &mut Option<Quoted>); N],
) -> Result<(), Malformed> {
    scanner.object(|scanner, name| {
        let name = name.text(text).unwrap_or_default();
        match wanted.iter_mut().find(|(wanted, _)| *wanted == &*name) {
            Some((_, place)) => **place = scanner.optional_string()?,
            None => drop(scanner.value()?),
        }
        Ok(())
    })
}

fn boolean(scanner: &mut Scanner<'_>) -> Result<bool, Malformed> {
    match scanner.peek() {
        first @ (b't' | b'f') => scanner.value().map(|_| first == b't'),
        b'n' => scanner.null().map(|_| false),
        _ => scanner.unexpected("true or false"),
    }
}

/// A header that is `null` has no value.
fn headers(scanner: &mut Scanner<'_>, fields: &mut Vec<Field>) -> Result<(), Malformed> {
    if scanner.null()? {
        return Ok(());
    }
    scanner.object(|scanner, name| {
        if let Some(value) = scanner.optional_string()? {
            fields.push(Field { name, value });
        }
        Ok(())
    })
}

fn multi_value_headers(scanner: &mut Scanner<'_>, fields: &mut Vec<Field>) -> Result<(), Malformed> {
    if scanner.null()? {
        return Ok(());
    }
    scanner.object(|scanner, name| {
        scanner.array(|scanner| {
            let value = scanner.string()?;
            fields.push(Field { name, value });
            Ok(())
        })
    })
}

fn cookies(scanner: &mut Scanner<'_>, cookies: &mut Vec<Quoted>) -> Result<(), Malformed> {
    if scanner.null()? {
        return Ok(());
    }
    scanner.array(|scanner| {
        cookies.push(scanner.string()?);
        Ok(())
    })
}
