// The benchmarks are a module of their own, so that what they compare with is no dependency of the product.
module github.com/logwright/logwright/bench

go 1.26

replace github.com/logwright/logwright => ../
