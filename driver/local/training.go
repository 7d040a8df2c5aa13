package local

import _ "embed"

//go:embed training/Training.java
var trainingSource []byte
