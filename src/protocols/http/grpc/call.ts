import { valueOf, type Headers } from '../wire/headers.ts'

/** A method of a gRPC service, as `:path` names it: `/billing.v1.Invoices/Delete`. */
export interface GrpcMethod {
  /** With its package: `billing.v1.Invoices`. */
  readonly service: string
  readonly method: string
}

/**
 * Whether a request is a call of gRPC (PROTOCOL-HTTP2.md, Requests): a POST of that type in HTTP/2. Its body is messages, which go both ways for as long
 * as the call lasts. gRPC-Web is none: it is a POST like others.
 */
export const isGrpcCall = ({
  version,
  method,
  headers,
}: {
  readonly version: '1.1' | '2'
  readonly method: string
  readonly headers: Headers
}): boolean => version === '2' && method === 'POST' && isGrpcType(valueOf(headers, 'content-type'))

/** `application/grpc`, alone or with the name of a format such as `+proto`. */
export const isGrpcType = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/grpc(?:\+[a-z0-9.-]+)?\s*(?:;|$)/i.test(contentType)

/** Whether messages of a call, or of its answer, may be compressed each on its own. */
export const isCompressedCall = (headers: Headers): boolean =>
  (valueOf(headers, 'grpc-encoding') ?? 'identity') !== 'identity'

/** The method that a path names; undefined where servers may look for it in several ways. */
export function grpcMethodOf(segments: readonly string[]): GrpcMethod | undefined {
  const [service = '', method = ''] = segments
  return segments.length === 2 && SERVICE.test(service) && METHOD.test(method) ? { service, method } : undefined
}

/** As Protocol Buffers name them (fullIdent, ident). */
const SERVICE = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/
const METHOD = /^[A-Za-z_]\w*$/
