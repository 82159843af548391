module plait/conformance/go_http

go 1.24
