/** LangGraph.js checkpoints in Duolog. Begin with DuologSaver.fromUrl. */
export {
  ConflictError,
  DuologError,
  ForbiddenError,
  IncompatibleServerError,
  InvalidInputError,
  KeyReusedError,
  NotFoundError,
  RateLimitedError,
  StaleRunError,
  StaleWriterError,
  ThreadDeletedError,
  TooLargeError,
  UnauthenticatedError,
  UnavailableError,
  UnreachableError,
} from "./errors.js";
export { DuologSaver, type DuologSaverOptions, type PruneStrategy, type Retention } from "./saver.js";
