/** What the server says about a refused request. `field` and `fix` are empty where there is nothing to name. */
export interface Refusal {
  code: string;
  message: string;
  field?: string;
  fix?: string;
  request_id?: string;
}

/** Every error of this package. `code` is stable; `message` is for people and names what is wrong and what to do. */
export class DuologError extends Error {
  readonly code: string;
  /** The input that is wrong, or empty. */
  readonly field: string;
  /** What to do about it, or empty. */
  readonly fix: string;
  /** The request's name in the server's logs, or empty. */
  readonly requestId: string;
  /** The HTTP status of the answer; 0 where there was none or the operation was one of several. */
  readonly status: number;

  constructor(refusal: Refusal, status = 0, options?: ErrorOptions) {
    super(sentence(refusal), options);
    this.name = new.target.name;
    this.code = refusal.code;
    this.field = refusal.field ?? "";
    this.fix = refusal.fix ?? "";
    this.requestId = refusal.request_id ?? "";
    this.status = status;
  }
}

/** The token is missing, expired, or not one of this server's. */
export class UnauthenticatedError extends DuologError {}
/** The token may not do this. */
export class ForbiddenError extends DuologError {}
/** What the request names is not there, or not the token's to see. */
export class NotFoundError extends DuologError {}
/** A field of the request is wrong: `field` says which. */
export class InvalidInputError extends DuologError {}
/** A value or a request is larger than the server takes. */
export class TooLargeError extends DuologError {}
/** The thread was deleted after the run that writes to it began. Nothing was stored. */
export class ThreadDeletedError extends DuologError {}
/** Another writer took the thread over. Nothing was stored. */
export class StaleWriterError extends DuologError {}
/** The token's run is no longer the one that its workflow has. */
export class StaleRunError extends DuologError {}
/** The request contradicts what is stored. */
export class ConflictError extends DuologError {}
/** A key was used before for another operation. */
export class KeyReusedError extends DuologError {}
/** More requests than the tenant may make, for longer than the saver retries. */
export class RateLimitedError extends DuologError {}
/** The server could not take the request for longer than the saver retries. */
export class UnavailableError extends DuologError {}
/** The server could not be reached for longer than the saver retries. The outcome of a write is unknown. */
export class UnreachableError extends DuologError {}
/** What answered is no Duolog server, or one that speaks another version of this interface. */
export class IncompatibleServerError extends DuologError {}

type ErrorClass = new (refusal: Refusal, status?: number, options?: ErrorOptions) => DuologError;

const classes: Readonly<Record<string, ErrorClass>> = {
  unauthenticated: UnauthenticatedError,
  token_invalid: UnauthenticatedError,
  token_expired: UnauthenticatedError,
  token_revoked: UnauthenticatedError,
  wrong_audience: UnauthenticatedError,
  unknown_issuer: UnauthenticatedError,
  forbidden: ForbiddenError,
  insufficient_scope: ForbiddenError,
  access_denied: ForbiddenError,
  not_found: NotFoundError,
  invalid_field: InvalidInputError,
  invalid_body: InvalidInputError,
  too_large: TooLargeError,
  thread_deleted: ThreadDeletedError,
  stale_writer: StaleWriterError,
  stale_run: StaleRunError,
  conflict: ConflictError,
  key_reused: KeyReusedError,
  idempotency_key_reused: KeyReusedError,
  rate_limited: RateLimitedError,
  not_now: UnavailableError,
  stream_stopped: UnavailableError,
  log_unsafe: UnavailableError,
  unreachable: UnreachableError,
  incompatible_server: IncompatibleServerError,
};

/** The error of a refusal, by its code. */
export function refused(refusal: Refusal, status = 0, options?: ErrorOptions): DuologError {
  const Class = Object.hasOwn(classes, refusal.code) ? classes[refusal.code]! : DuologError;
  return new Class(refusal, status, options);
}

/** Whether the same operation, under the same key, may be taken later. */
export function passes(code: string): boolean {
  return code === "not_now" || code === "stream_stopped" || code === "log_unsafe" || code === "rate_limited";
}

function sentence(refusal: Refusal): string {
  const what = refusal.field ? `${refusal.field}: ${refusal.message}` : refusal.message;
  const full = refusal.fix ? `${what}: ${refusal.fix}` : what;
  return `${full} (${refusal.code}${refusal.request_id ? `, request ${refusal.request_id}` : ""})`;
}
