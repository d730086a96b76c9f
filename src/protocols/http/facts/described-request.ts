/** An operation of a service, as the service's own description has it. */
export interface DescribedOperation {
  /** What rules call it: its `operationId`, or method and path where it has none. */
  readonly name: string
  readonly tags: readonly string[]
  /** Of a GET, HEAD or OPTIONS: nothing says that it changes something. */
  readonly isSafe: boolean
}

/** What a description says of one request. */
export interface DescribedRequest {
  /** The operation that it is as it stands; undefined where the description has none. */
  readonly operation: DescribedOperation | undefined
  /** Others that some server may take it for. */
  readonly alternatives: readonly DescribedOperation[]
  /** Why no operation is known; undefined where one is. */
  readonly unknown: string | undefined
}
