import type { ApiRequest } from '../request/api-request.ts'
import type { ChannelName } from '../wire/channel-message.ts'

/** The channels that a request for exec or attach asks for. With a terminal there is one output. */
export function channelsOf(request: ApiRequest): ReadonlySet<ChannelName> {
  const asked = (['stdin', 'stdout', 'stderr'] as const).filter((name) => isSet(request, name))
  return new Set([...asked, 'error', ...(isSet(request, 'tty') ? (['resize'] as const) : [])])
}

/** As the API server reads a flag. */
export function isSet({ query }: Pick<ApiRequest, 'query'>, name: string): boolean {
  const [value] = query.get(name) ?? []
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false'
}
