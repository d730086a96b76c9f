/** What decides on the parameters that a request may have. */
interface Asked {
  readonly isResource: boolean
  readonly path: string
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly query: ReadonlyMap<string, readonly string[]>
}

/** What is read of a parameter: what it must look like, and whether it may come several times. */
interface Parameter {
  readonly value: RegExp
  readonly isList?: boolean
}

/** Parameters as the options of each verb have them (k8s.io/apimachinery/pkg/apis/meta/v1, k8s.io/api/core/v1). */
export function checkParameters(request: Asked): {
  readonly failure: string | undefined
  readonly unknown: readonly string[]
} {
  const known = parametersOf(request)
  if (known === 'anything') return { failure: undefined, unknown: [] }
  const unknown: string[] = []
  for (const [name, values] of request.query) {
    const parameter = Object.hasOwn(known, name) ? known[name] : undefined
    if (parameter === undefined) {
      unknown.push(`the parameter ${JSON.stringify(name.slice(0, 100))} is not known for ${describe(request)}`)
      continue
    }
    if (values.length > 1 && parameter.isList !== true) return failed(`the parameter ${name} is given more than once`)
    if (!values.every((value) => parameter.value.test(value)))
      return failed(`the parameter ${name} has a value that cannot be read`)
  }
  return { failure: undefined, unknown }
}

const failed = (failure: string): { readonly failure: string; readonly unknown: readonly string[] } => ({
  failure,
  unknown: [],
})

const describe = ({ isResource, verb, resource, subresource, path }: Asked): string =>
  isResource ? `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}` : path

function parametersOf(request: Asked): Readonly<Record<string, Parameter>> | 'anything' {
  const { isResource, verb, group, resource, subresource } = request
  if (!isResource) return SERVER
  if (subresource === 'proxy' && group === '') return 'anything'
  const ofStream = group === '' && resource === 'pods' ? POD_STREAMS.get(subresource) : undefined
  return ofStream === undefined ? (VERBS.get(verb) ?? {}) : { ...ofStream, ...ALL }
}

const text: Parameter = { value: /^[^\0\r\n]*$/ }
const flag: Parameter = { value: /^(|true|false|True|False|TRUE|FALSE|1|0|yes|no)$/ }
const integer: Parameter = { value: /^\d{1,15}$/ }
const all: Parameter = { value: /^All$/ }
/** Labels as kubectl and client-go write them. */
const labelSelector: Parameter = { value: /^[\w\s./(),=!<>-]*$/ }
/** Without escapes: terms are told apart by commas, fields from values by the first sign. */
const fieldSelector: Parameter = {
  value: /^(?:(?:[\w./[\]-]+(?:!=|==|=)[^,=!\\\0\r\n]*)(?:,(?:[\w./[\]-]+(?:!=|==|=)[^,=!\\\0\r\n]*))*)?,?$/,
}
const duration: Parameter = { value: /^(0|(\d{1,9}(\.\d{1,9})?(ns|us|ms|s|m|h))+)$/ }

/** Of every request: how long it may take, and how the answer is laid out. */
const ALL = { timeout: duration, pretty: flag }
const CREATE = { dryRun: all, fieldManager: text, fieldValidation: { value: /^(Ignore|Warn|Strict)?$/ }, ...ALL }
const LIST = {
  labelSelector,
  fieldSelector,
  watch: flag,
  allowWatchBookmarks: flag,
  resourceVersion: text,
  resourceVersionMatch: { value: /^(Exact|NotOlderThan)?$/ },
  timeoutSeconds: integer,
  limit: integer,
  continue: text,
  sendInitialEvents: flag,
  includeObject: { value: /^(None|Metadata|Object)?$/ },
  ...ALL,
}
const DELETE = {
  dryRun: all,
  gracePeriodSeconds: integer,
  propagationPolicy: { value: /^(Orphan|Background|Foreground)$/ },
  orphanDependents: flag,
  ...ALL,
}
const VERBS: ReadonlyMap<string, Readonly<Record<string, Parameter>>> = new Map(
  Object.entries({
    get: { resourceVersion: text, includeObject: LIST.includeObject, ...ALL },
    list: LIST,
    watch: LIST,
    create: CREATE,
    update: CREATE,
    patch: { ...CREATE, force: flag },
    delete: DELETE,
    deletecollection: { ...LIST, ...DELETE },
  }),
)
const STREAMS = { stdin: flag, stdout: flag, stderr: flag, tty: flag, container: text }
const POD_STREAMS: ReadonlyMap<string, Readonly<Record<string, Parameter>>> = new Map(
  Object.entries({
    exec: { ...STREAMS, command: { value: /^[^\0]*$/, isList: true } },
    attach: STREAMS,
    portforward: { ports: { value: /^\d{1,5}(,\d{1,5})*$/, isList: true } },
    log: {
      container: text,
      follow: flag,
      previous: flag,
      timestamps: flag,
      sinceSeconds: integer,
      sinceTime: { value: /^[\dTtZz:.+-]{10,40}$/ },
      tailLines: integer,
      limitBytes: integer,
      insecureSkipTLSVerifyBackend: { value: /^(false|0)$/ },
      stream: { value: /^(All|Stdout|Stderr)$/ },
    },
  }),
)
/** Discovery, OpenAPI (by the hash of a document), health. */
const SERVER = { ...ALL, hash: text, verbose: { value: /^(|1|true)$/ }, exclude: { value: /^[\w/.-]*$/, isList: true } }
