#!/usr/bin/env node
// `npm test [-- FILE…]`: sets up as `npm run up` does, then runs the tests.
import './node-version.js'

import('./set-up-and-test.js')
