// SPDX-License-Identifier: Apache-2.0
@main struct Vorteil { static func main() {} }
