import type { CheckPattern } from '../../../policy/patterns.ts'
import { grpcMethodOf } from '../grpc/call.ts'
import type { HttpRequest } from '../request/http-request.ts'
import { readingsOf } from '../request/read-target.ts'
import { matchesRoute } from './routes.ts'

/** `billing.v1.Invoices/Delete`, `billing.v1.Invoices/*`. */
export const checkGrpcMethod: CheckPattern = (pattern) =>
  grpcMethodOf(pattern.replace(/\/\*$/, '/x').split('/')) === undefined
    ? `"${pattern}": expected SERVICE/METHOD such as billing.v1.Invoices/Delete, with the package of the service; * for all of its methods`
    : undefined

/**
 * `surely`: it is a call of gRPC, of that very method. Otherwise: whatever servers may take for it, by its path: many answer the same methods to gRPC-Web,
 * Connect, Twirp or JSON of plain HTTP, some of them behind a prefix.
 */
export const matchesGrpcMethod = (
  pattern: string,
  { grpc, segments }: Pick<HttpRequest, 'grpc' | 'segments'>,
  surely: boolean,
): boolean =>
  surely
    ? grpc !== undefined && matchesRoute(`/${pattern}`, segments, true)
    : readingsOf(segments).some((reading) =>
        reading.some((_segment, at) => matchesRoute(`/${pattern}`, reading.slice(at), false)),
      )
