/**
 * What is asked of the API server where answers are masked: JSON alone, as objects, tables or metadata. Undefined where the client takes none
 * of that: then it is refused as not acceptable.
 */
export function acceptJson(accept: string | undefined): string | undefined {
  if (accept === undefined || accept === '') return 'application/json'
  const taken: string[] = []
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (parameters.some((parameter) => /^q=0(\.0*)?$/i.test(parameter))) continue
    if (type === '*/*' || type === 'application/*') taken.push('application/json')
    if (type !== 'application/json') continue
    const kept = parameters.filter((parameter) => !/^q=/i.test(parameter))
    if (kept.every((parameter) => PARAMETERS.test(parameter))) taken.push(['application/json', ...kept].join(';'))
  }
  return taken.length === 0 ? undefined : [...new Set(taken)].join(', ')
}

/** How an object is shown, and of which version that is. */
const PARAMETERS =
  /^(as=(Table|PartialObjectMetadata|PartialObjectMetadataList|APIGroupDiscoveryList)|g=(meta|apidiscovery)\.k8s\.io|v=v\d+((alpha|beta)\d+)?|stream=watch|charset=utf-8|profile=nopeer)$/
