// One process that measures the units of a subset and prints them: node measure-units.js SUBSET ROUNDS
import { measureHere } from './units.js'

const [subset, rounds] = process.argv.slice(2)
const { cases, stop } = await (await import(`../subsets/${subset}.js`)).units()
const least = await measureHere(cases, Number(rounds))
await stop()
const units = Object.fromEntries(cases.map(({ name, unit }) => [name, unit]))
process.stdout.write(JSON.stringify({ units, least: [...least] }), () => process.exit(0))
