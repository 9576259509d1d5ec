//! An AWS account in memory: it answers the calls that a deployment to Lambda or ECS makes as AWS does, in AWS's words, and has
//! a script of misfortunes.
//!
//! [`Account::answer`] is a plain function from a request to a response: no socket, no clock. Time passes by asking
//! and by [`Account::pass`]; an operation of a stack goes on by one stage whenever somebody asks about the stack.
//! [`Account::serve`] puts HTTP around it, for programs that are told of it by `AWS_ENDPOINT_URL`.
//!
//! ```
//! use mcp_cloud_emulator::aws::{Account, Lasting, Misfortune, Moment};
//!
//! let account = Account::new("123456789012", "eu-west-1");
//! account.strike(Moment::nth("PutObject", 1), Misfortune::AnswerLost, Lasting::Times(1));
//! // … whatever deploys runs against it …
//! assert!(account.unknown_calls().is_empty());
//! assert!(account.inventory().is_empty());
//! ```
//!
//! - `wire`: which call a request is, and how its answer looks.
//! - `misfortune`: what goes wrong, when, and for how long.
//! - `inventory`: everything that exists.
//! - a folder or file for each service.

mod acm;
mod calls;
mod clock;
mod cloudformation;
mod cloudwatch;
mod ecr;
mod ecs;
mod elb;
mod iam;
mod inventory;
mod lambda;
mod logs;
mod misfortune;
mod s3;
mod scaling;
mod secrets;
mod server;
mod state;
mod sts;
mod wire;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};

pub use self::{
    calls::Call,
    ecs::TaskFate,
    inventory::Inventory,
    lambda::{Deployed, Invoked},
    misfortune::{Lasting, Misfortune, Moment, StackMisfortune, When},
    server::Served,
};
use self::{
    misfortune::Struck,
    state::State,
    wire::{Asked, Fault, Reply, Service},
};

/// How much of its time one call takes.
const CALL: Duration = Duration::from_millis(50);

/// The connection broke before an answer came. Whether the call had its effect, the caller cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed before the answer came")]
pub struct NoAnswer;

type InvokeHook = Arc<dyn Fn(&Deployed, &Bytes) -> Invoked + Send + Sync>;

/// An AWS account with one region in use.
#[derive(Clone)]
pub struct Account {
    state: Arc<Mutex<State>>,
    invoke: Arc<Mutex<Option<InvokeHook>>>,
    program: Arc<Mutex<Option<SocketAddr>>>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Account").field("id", &state.account_id).field("region", &state.region).finish_non_exhaustive()
    }
}

impl Account {
    /// Opens an account with nothing in it: its twelve digits, and the region that is used.
    #[must_use]
    pub fn new(account_id: &str, region: &str) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(account_id, region))),
            invoke: Arc::default(),
            program: Arc::default(),
        }
    }

    /// Another account with the same things in it and nothing wrong, where no call was made yet. What happens in one of
    /// them is nothing to the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.lock().clone();
        state.calls.clear();
        state.misfortunes.clear();
        let invoke = self.invoke.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let program = *self.program.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            state: Arc::new(Mutex::new(state)),
            invoke: Arc::new(Mutex::new(invoke)),
            program: Arc::new(Mutex::new(program)),
        }
    }

    /// Answers a call as AWS would. A clone of the account is the same account.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] when a misfortune breaks the connection; the adapter makes an error of its transport of it.
    pub fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let mut state = self.lock();
        state.clock.pass(CALL);
        let number = state.calls.len() + 1;
        let request_id = state.uuid();
        let date = state.clock.http();
        let asked = match wire::read(request) {
            Ok(asked) => asked,
            Err(fault) => {
                let asked = Asked::unreadable();
                state.calls.push(Call::of(number, &asked, Some(&fault)));
                return Ok(wire::write(&asked, Err(fault), &request_id, date));
            }
        };
        let struck = state.misfortunes.strike(number, &asked);
        let reply = match struck {
            Some(Struck::NoAnswer) => {
                state.calls.push(Call::lost(number, &asked));
                return Err(NoAnswer);
            }
            Some(Struck::Refused(misfortune)) => Err(state.refusal(misfortune, &asked)),
            Some(Struck::AnswerLost) | None => {
                let (locked, reply) = self.perform(state, &asked);
                state = locked;
                reply
            }
        };
        if struck == Some(Struck::AnswerLost) {
            state.calls.push(Call::lost(number, &asked));
            return Err(NoAnswer);
        }
        state.calls.push(Call::of(number, &asked, reply.as_ref().err()));
        Ok(wire::write(&asked, reply, &request_id, date))
    }

    /// Performs a call; what runs somebody's program runs it without holding the account.
    fn perform<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        asked: &Asked,
    ) -> (MutexGuard<'a, State>, Result<Reply, Fault>) {
        if (asked.service, asked.action.as_str()) != (Service::Lambda, "Invoke") {
            let reply = state.perform(asked);
            return (state, reply);
        }
        let deployed = match lambda::invoked(&mut state, asked) {
            Ok(deployed) => deployed,
            Err(fault) => return (state, Err(fault)),
        };
        drop(state);
        let hook = self.invoke.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let invoked = hook.map_or_else(Invoked::default, |hook| hook(&deployed, &asked.body));
        (self.lock(), Ok(lambda::invocation(&deployed, invoked)))
    }

    /// Has this run the program when a function is invoked. Without one, every invocation is answered with `null`.
    pub fn on_invoke(&self, hook: impl Fn(&Deployed, &Bytes) -> Invoked + Send + Sync + 'static) {
        *self.invoke.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Has requests to function URLs and load balancers answered at this address, where somebody runs the program behind one
    /// ([`Emulator`](crate::Emulator)), when the account is [served](Self::serve). Without an address they are answered
    /// with 502, and so they are for whichever function if nobody listens there.
    pub fn run_program_at(&self, address: SocketAddr) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    fn program(&self) -> Option<SocketAddr> {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a request to this host of a function URL reaches; `None` when there is no such function URL.
    #[must_use]
    pub fn function_url(&self, host: &str) -> Option<Deployed> {
        lambda::behind_url(&self.lock(), host)
    }

    /// What a request to this host of a load balancer reaches, with its image as its version; `None` when there is no
    /// such load balancer, or nothing healthy behind it.
    #[must_use]
    pub fn load_balancer(&self, host: &str) -> Option<Deployed> {
        elb::behind(&mut self.lock(), host)
    }

    /// Lets something go wrong from this moment on. Misfortunes add up; the first that fits strikes.
    pub fn strike(&self, moment: Moment, misfortune: Misfortune, lasting: Lasting) {
        self.lock().misfortunes.add(moment, misfortune, lasting);
    }

    /// Lets something go wrong with stacks.
    pub fn strike_stack(&self, misfortune: StackMisfortune) {
        self.lock().misfortunes.add_to_stacks(misfortune);
    }

    /// Ends every misfortune.
    pub fn heal(&self) {
        self.lock().misfortunes.clear();
    }

    /// Every call so far, in order; those that were struck too.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Forgets the calls so far, and returns them; the next has the number 1.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// The calls that the account does not know how to answer. A test whose list is not empty has proved nothing.
    #[must_use]
    pub fn unknown_calls(&self) -> Vec<Call> {
        self.lock().calls.iter().filter(|call| call.is_unknown).cloned().collect()
    }

    /// Everything that exists.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let mut state = self.lock();
        ecs::settle(&mut state);
        inventory::of(&state)
    }

    /// Lets time pass.
    pub fn pass(&self, duration: Duration) {
        self.lock().clock.pass(duration);
    }

    /// Writes a line to a log group, as a running function does; a group that is not there is made.
    pub fn log(&self, group: &str, stream: &str, message: &str) {
        logs::put(&mut self.lock(), group, stream, message);
    }

    /// Makes a bucket as somebody else would: in another region, or of another account.
    pub fn make_bucket(&self, name: &str, region: &str, owner: &str) {
        s3::make(&mut self.lock(), name, region, owner);
    }

    /// Makes a certificate for these domains, in a state such as `ISSUED`; returns its ARN.
    pub fn make_certificate(&self, domains: &[&str], status: &str) -> String {
        acm::make(&mut self.lock(), domains, status)
    }

    /// Puts a secret there, under this name and with this ARN; what was there before is gone.
    pub fn place_secret(&self, name: &str, arn: &str, value: &str) {
        secrets::place(&mut self.lock(), name, arn, value);
    }

    /// Makes a cluster as somebody else would. Nothing happens when it is there.
    pub fn make_cluster(&self, name: &str) {
        ecs::make_cluster(&mut self.lock(), name);
    }

    /// Makes a repository of images as somebody else would; its tags can be moved or not: `MUTABLE`, `IMMUTABLE`. Nothing
    /// happens when it is there.
    pub fn make_repository(&self, name: &str, mutability: &str) {
        ecr::make_with(&mut self.lock(), name, mutability);
    }

    /// Puts a small image into a repository under a tag, as somebody's push would, and returns its digest. A repository that
    /// is not there is made.
    pub fn place_image(&self, repository: &str, tag: &str) -> String {
        ecr::place(&mut self.lock(), repository, tag)
    }

    /// Decides what becomes of the tasks that run an image whose reference contains this text, such as its digest; of those
    /// that are launched from now on. What was said last counts. Tasks that nothing was said of serve, unless their image
    /// would have to be in a repository of this account, or a secret of theirs in this account, and is not.
    pub fn destine(&self, image: &str, fate: TaskFate) {
        self.lock().ecs.destine(image, fate);
    }

    /// Has tasks come and go without delay: with each question about a service, its tasks or its targets, time goes on to
    /// what happens next, unless that is more than ten minutes ahead. Whoever waits asks a few times then, and not once
    /// for every few seconds of account time, which a matrix would strike one by one.
    pub fn hurry(&self) {
        self.lock().ecs.hurry();
    }

    /// Sets the state of an alarm: `OK`, `ALARM` or `INSUFFICIENT_DATA`. Nothing happens when there is none.
    pub fn set_alarm(&self, name: &str, alarm_state: &str) {
        cloudwatch::set(&mut self.lock(), name, alarm_state);
    }

    /// Deletes a function behind its stack's back, as somebody in the console would.
    pub fn delete_function(&self, name: &str) {
        self.lock().functions.remove(name);
    }

    /// Denies these actions to whoever asks (`lambda:GetFunction`), in calls as in simulations.
    pub fn deny(&self, actions: &[&str]) {
        self.lock().denied.extend(actions.iter().map(|action| (*action).to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
