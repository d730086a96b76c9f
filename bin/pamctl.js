#!/usr/bin/env node
import { main } from '../dist/pamctl/main.js'
await main(process.argv.slice(2))
