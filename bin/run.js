#!/usr/bin/env node
// `run.js PROGRAM [ARGS…]`: one of our TypeScript programs, with the project's own Node.js.
import './node-version.js'

import('./run-program.js')
