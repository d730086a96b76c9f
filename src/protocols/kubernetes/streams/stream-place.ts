import type { ApiRequest } from '../request/api-request.ts'
import { isList, isObject } from '../request/json-value.ts'

/** Where a stream leads, as it is now: a pod is another one once it was deleted and made again under its name. */
export interface StreamPlace {
  /** Empty where it could not be looked up. */
  readonly pod: string
  /** The one that the request names, or the only one of the pod. Empty where only the API server could tell, and refuses to. */
  readonly container: string
  readonly image: string
  /** For whoever decides. */
  readonly note: string
}

export interface PlainAnswer {
  readonly status: number
  readonly body: Buffer
}

/** Looks up the pod of an exec, attach or port-forward. `get` asks the API server as the request would be asked. */
export async function placeOf(
  { namespace, name, subresource, query }: ApiRequest,
  get: (target: string) => Promise<PlainAnswer>,
): Promise<StreamPlace> {
  const [named = ''] = query.get('container') ?? []
  const { status, body } = await get(`/api/v1/namespaces/${namespace}/pods/${name}`)
  const pod = status === 200 ? podIn(body) : undefined
  if (pod === undefined || pod.metadata?.name !== name || pod.metadata.namespace !== namespace)
    return { pod: '', container: named, image: '', note: `pod ${name} in ${namespace} could not be looked up` }
  const uid = pod.metadata.uid ?? ''
  if (subresource === 'portforward')
    return { pod: uid, container: '', image: '', note: `pod ${name} in ${namespace}, ${uid}` }
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {}
  const container = named === '' && containers.length === 1 ? (containers[0]?.name ?? '') : named
  const found = [...containers, ...initContainers, ...ephemeralContainers].find((one) => one.name === container)
  const image = found?.image ?? ''
  const what = container === '' ? 'no container is named' : `container ${container}, image ${image || 'unknown'}`
  return { pod: uid, container, image, note: `pod ${name} in ${namespace}, ${uid}; ${what}` }
}

interface Container {
  readonly name?: string
  readonly image?: string
}

interface Pod {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly uid?: string }
  readonly spec?: Readonly<
    Partial<Record<'containers' | 'initContainers' | 'ephemeralContainers', readonly Container[]>>
  >
}

/** What a target sends may be anything. */
function podIn(body: Buffer): Pod | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (!isObject(value) || value['kind'] !== 'Pod') return undefined
    const { metadata, spec } = value
    if (!isObject(metadata) || !isObject(spec)) return undefined
    const { name, namespace, uid } = metadata
    if (typeof name !== 'string' || typeof namespace !== 'string' || typeof uid !== 'string') return undefined
    const list = (key: string): Container[] => {
      const items = spec[key]
      return (isList(items) ? items : []).flatMap((item): Container[] =>
        isObject(item) && typeof item['name'] === 'string' && typeof item['image'] === 'string'
          ? [{ name: item['name'], image: item['image'] }]
          : [],
      )
    }
    return {
      metadata: { name, namespace, uid },
      spec: {
        containers: list('containers'),
        initContainers: list('initContainers'),
        ephemeralContainers: list('ephemeralContainers'),
      },
    }
  } catch {
    return undefined
  }
}
