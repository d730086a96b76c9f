import { z } from 'zod'

/** HTTP Archive 1.2, as its specification has it: what is required, and what may be there. Custom fields begin with an underscore. */
const custom = <T extends z.ZodRawShape>(shape: T) =>
  z.looseObject({ ...shape, comment: z.string().optional() }).superRefine((value, context) => {
    for (const name of Object.keys(value))
      if (!(name in shape) && name !== 'comment' && !name.startsWith('_'))
        context.addIssue({ code: 'custom', message: `unknown field ${name}` })
  })

const size = z.int().min(-1)
const time = z.number().min(-1)
const pair = custom({ name: z.string(), value: z.string() })
const cookie = custom({ name: z.string(), value: z.string() })
const agent = custom({ name: z.string(), version: z.string() })

const request = custom({
  method: z.string(),
  url: z.url(),
  httpVersion: z.string(),
  cookies: z.array(cookie),
  headers: z.array(pair),
  queryString: z.array(pair),
  postData: custom({ mimeType: z.string(), text: z.string() }).optional(),
  headersSize: size,
  bodySize: size,
})
const response = custom({
  status: z.int().min(0),
  statusText: z.string(),
  httpVersion: z.string(),
  cookies: z.array(cookie),
  headers: z.array(pair),
  content: custom({
    size: z.int().min(0),
    mimeType: z.string(),
    text: z.string().optional(),
    encoding: z.string().optional(),
    compression: z.int().optional(),
  }),
  redirectURL: z.string(),
  headersSize: size,
  bodySize: size,
})
const entry = custom({
  pageref: z.string().optional(),
  startedDateTime: z.iso.datetime(),
  time: z.number().min(0),
  request,
  response,
  cache: custom({}),
  timings: custom({
    blocked: time.optional(),
    dns: time.optional(),
    connect: time.optional(),
    send: z.number().min(0),
    wait: z.number().min(0),
    receive: z.number().min(0),
    ssl: time.optional(),
  }),
  serverIPAddress: z.string().optional(),
  connection: z.string().optional(),
})
const schema = z.strictObject({
  log: custom({ version: z.literal('1.2'), creator: agent, browser: agent.optional(), entries: z.array(entry) }),
})

/** Why a value is no archive; empty where it is one. */
export const harProblems = (value: unknown): string[] => {
  const { error } = schema.safeParse(value)
  return error === undefined ? [] : error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}
