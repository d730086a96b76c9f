import pg from 'pg'
import { CLUSTER_ACCOUNT, type LocalKubernetes } from './local-kubernetes.ts'
import type { LocalMariadb } from './local-mariadb.ts'
import type { LocalPostgres } from './local-postgres.ts'

/** The account that the gateway uses at the demo's target. */
export const DEMO_ACCOUNT = { user: 'app', password: 'demo-account-password' } as const

/** Two databases: `app` stands for production, `app_dev` for development, each with customers, orders and an audit table. */
export async function loadSampleData({ port, superuser }: LocalPostgres): Promise<void> {
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, ...superuser, database })
    await client.connect()
    return client
  }
  const admin = await connect('postgres')
  await admin.query(`create role ${DEMO_ACCOUNT.user} login password '${DEMO_ACCOUNT.password}'`)
  for (const database of ['app', 'app_dev']) await admin.query(`create database ${database} owner ${DEMO_ACCOUNT.user}`)
  await admin.end()
  for (const [database, customers] of [
    ['app', 250],
    ['app_dev', 20],
  ] as const) {
    const client = await connect(database)
    await client.query(`set role ${DEMO_ACCOUNT.user}`)
    await client.query(SCHEMA)
    const rows = Array.from({ length: customers }, (_, index) => customer(index + 1))
    await client.query(
      'insert into customers (name, email, card_number, phone) select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])',
      [
        rows.map(({ name }) => name),
        rows.map(({ email }) => email),
        rows.map(({ card }) => card),
        rows.map(({ phone }) => phone),
      ],
    )
    await client.query(ORDERS)
    await client.end()
  }
}

/** One database of MariaDB: `shop`, with customers, their orders and an audit table. */
export function loadShop(mariadb: LocalMariadb): void {
  const customers = Array.from({ length: 50 }, (_, index) => customer(index + 1))
  const rows = customers.map(({ name, email, card }, index) => `(${index + 1}, '${name}', '${email}', '${card}')`)
  mariadb.sql(`
    create database shop character set utf8mb4;
    create user ${DEMO_ACCOUNT.user}@'127.0.0.1' identified by '${DEMO_ACCOUNT.password}';
    grant all on shop.* to ${DEMO_ACCOUNT.user}@'127.0.0.1';
    use shop;
    create table customers (id int primary key, name varchar(100), email varchar(100), card_number varchar(30));
    insert into customers values ${rows.join(', ')};
    create table orders (id int primary key auto_increment, customer int references customers (id), total decimal(10, 2), status varchar(10));
    insert into orders (customer, total, status) select id, id * 3.5, if(id % 7 = 0, 'stuck', 'paid') from customers;
    create table audit_tmp (at timestamp not null default current_timestamp, event varchar(100) not null);
    insert into audit_tmp (event) select concat('import batch ', id) from customers;`)
}

/** What is in a Secret of the shop. */
export const PAYMENT_KEY = Buffer.from('demo-payment-key-4711')

/** One namespace of Kubernetes: `shop`, in which engineers may do everything, as RBAC has it. */
export async function loadShopCluster({ request }: Pick<LocalKubernetes, 'request'>): Promise<void> {
  for (const [path, object] of SHOP_OBJECTS) await request('POST', path, object)
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const inShop = (path: string): string => path.replace(/[^/]+$/, 'namespaces/shop/$&')
const roleRef = (name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name })
const container = (app: string) => ({ name: app, image: `registry.example.com/shop/${app}:1.4.2` })

const SHOP_OBJECTS: readonly (readonly [path: string, object: object])[] = [
  ['/api/v1/namespaces', { metadata: { name: 'shop' } }],
  // The gateway may be whoever it serves, and nothing else.
  [
    `${RBAC}/clusterroles`,
    {
      metadata: { name: CLUSTER_ACCOUNT },
      rules: [{ apiGroups: [''], resources: ['users', 'groups'], verbs: ['impersonate'] }],
    },
  ],
  [
    `${RBAC}/clusterrolebindings`,
    {
      metadata: { name: CLUSTER_ACCOUNT },
      roleRef: roleRef(CLUSTER_ACCOUNT),
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: CLUSTER_ACCOUNT }],
    },
  ],
  [
    inShop(`${RBAC}/rolebindings`),
    {
      metadata: { name: 'engineers' },
      roleRef: roleRef('cluster-admin'),
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'pam:engineering' }],
    },
  ],
  ...['web', 'worker'].map(
    (app) =>
      [
        inShop('/apis/apps/v1/deployments'),
        {
          metadata: { name: app },
          spec: {
            replicas: 2,
            selector: { matchLabels: { app } },
            template: { metadata: { labels: { app } }, spec: { containers: [container(app)] } },
          },
        },
      ] as const,
  ),
  ...['web-1', 'web-2', 'worker-1'].map(
    (name) =>
      [inShop('/api/v1/pods'), { metadata: { name }, spec: { containers: [container(name.slice(0, -2))] } }] as const,
  ),
  [
    inShop('/api/v1/secrets'),
    { metadata: { name: 'payments' }, stringData: { username: 'shop', 'api-key': PAYMENT_KEY.toString() } },
  ],
  [inShop('/api/v1/configmaps'), { metadata: { name: 'settings' }, data: { currency: 'EUR', stock: 'live' } }],
]

const SCHEMA = `
create table customers (
  customer_id bigint generated always as identity primary key,
  name text not null,
  email text not null unique,
  card_number text not null,
  phone text,
  created_at timestamptz not null default '2026-01-05 09:00:00+00'
);
create table orders (
  order_id bigint generated always as identity primary key,
  customer_id bigint not null references customers,
  status text not null check (status in ('new', 'paid', 'shipped', 'stuck')),
  total numeric(10,2) not null,
  note text,
  ordered_at timestamptz not null
);
create index on orders (customer_id);
create table audit_tmp (at timestamptz not null default now(), event text not null);
create view open_orders as select order_id, customer_id, status, total from orders where status <> 'shipped';
`

const ORDERS = `
insert into orders (customer_id, status, total, note, ordered_at)
select c.customer_id, (array['shipped','paid','new','stuck','shipped'])[1 + (c.customer_id * 7 + n) % 5],
       round((19.99 + (c.customer_id * 37 + n * 11) % 480)::numeric, 2),
       case when (c.customer_id + n) % 9 = 0 then 'please confirm to ' || c.email end,
       timestamptz '2026-11-01 08:00:00+00' + ((c.customer_id * 3 + n) % 500) * interval '1 hour'
from customers c, generate_series(1, 4) n;
insert into audit_tmp (event) select 'import batch ' || n from generate_series(1, 40) n;
`

/** The same customers each time, believable but nobody's. */
export function customer(id: number): { name: string; email: string; card: string; phone: string } {
  const first = FIRST[id % FIRST.length] as string
  const last = LAST[(id * 7) % LAST.length] as string
  const digits = `4${String(id * 9973).padStart(14, '0')}`
  return {
    name: `${first} ${last}`,
    email: `${first}.${last}${id}@example.com`.toLowerCase(),
    card: digits + luhnDigit(digits),
    phone: `+1 202 555 ${String(100 + (id % 100)).padStart(4, '0')}`,
  }
}

/** The check digit of ISO/IEC 7812. */
function luhnDigit(digits: string): number {
  const sum = [...digits].toReversed().reduce((total, digit, index) => {
    const doubled = index % 2 === 0 ? Number(digit) * 2 : Number(digit)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return (10 - (sum % 10)) % 10
}

const FIRST = [
  'Ada',
  'Grace',
  'Alan',
  'Edsger',
  'Barbara',
  'Ken',
  'Radia',
  'Dennis',
  'Frances',
  'Niklaus',
  'Margaret',
  'Tony',
]
const LAST = [
  'Moreau',
  'Nakamura',
  'Okafor',
  'Lindqvist',
  'Garcia',
  'Rossi',
  'Novak',
  'Haddad',
  'Silva',
  'Keller',
  'Byrne',
]
