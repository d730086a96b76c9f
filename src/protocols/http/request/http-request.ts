import type { GrpcMethod } from '../grpc/call.ts'

/** One request as rules look at it. Every upstream reads its path as these segments, or as one of their `readingsOf`, or it is refused. */
export interface HttpRequest {
  /** As sent; upper case. */
  readonly method: string
  /** As sent, without the query. */
  readonly path: string
  /** Decoded: `/` is `['']`, `/a/` is `['a', '']`; where the target takes encoded slashes, `/a%2Fb` is `['a/b']`. */
  readonly segments: readonly string[]
  /** Decoded, in order. */
  readonly query: readonly Parameter[]
  /** In lower case, without parameters; empty where there is none. */
  readonly contentType: string
  readonly body: RequestBody
  /** Where it is a call of gRPC: what it calls. */
  readonly grpc: GrpcMethod | undefined
  /** What it asks for in place of HTTP. */
  readonly upgrade: 'websocket' | undefined
}

export interface Parameter {
  readonly name: string
  readonly value: string
}

/** What a body looks like by its beginning: to servers that look at nothing else. `any`: it could not be read. */
export type BodyLook = 'json' | 'xml' | 'other' | 'any'

export type RequestBody =
  | { readonly type: 'none' }
  /** No object in it has a name twice. */
  | { readonly type: 'json'; readonly value: unknown }
  | { readonly type: 'form'; readonly fields: readonly Parameter[] }
  /** What it says is not known: it is another format, or not what it claims to be. */
  | { readonly type: 'opaque'; readonly reason: string; readonly looksLike: BodyLook }
  /** It is longer than what is read before the decision. */
  | { readonly type: 'long' }
